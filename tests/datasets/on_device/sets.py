"""Small data sets that hold their images in memory, and pipelines for them."""

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.datasets import BaseDataset

PACK = dict(type='PackInputs')
CIFAR = 'configs/_base_/datasets/pipelines/cifar.py'


class Pictures(BaseDataset):
    """Data set of given images and labels, with three class names."""

    METAINFO = dict(classes=('a', 'b', 'c'))

    def __init__(self, images, labels=None, pipeline=(PACK,), **more):
        init_default_scope('mmpretrain')
        self.images = images
        self.labels = (
            labels if labels is not None else [i % 3 for i in range(len(images))]
        )
        self.more = more
        super().__init__(ann_file='', pipeline=pipeline, serialize_data=False)

    def load_data_list(self):
        return [
            dict(img=image, gt_label=label, **self.more)
            for image, label in zip(self.images, self.labels, strict=True)
        ]


def cifar_pipeline(repository):
    """Steps of the CIFAR recipe, as in a config."""
    return Config.fromfile(repository / CIFAR).train_pipeline
