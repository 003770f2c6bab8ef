"""MMDetection's own detectors, shrunk, trained under GradientStatisticsHook."""

import json
import uuid

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.hub import get_config
from mmengine.runner import Runner

CLASSES = ('ant', 'bee', 'cat', 'dog')
FREQUENCY = (0.6, 0.25, 0.15, 0)  # nobody annotated a dog
LIMITS = dict(many=12, few=6)


def write_coco(folder, num_images=8, size=64):
    """Write noise with boxes as COCO has them; the annotated instances of each class.

    Category ids have gaps, and image 0 has a crowd of bees beside its boxes.
    """
    rng = np.random.default_rng(0)
    (folder / 'images').mkdir(parents=True)
    images, annotations = [], []
    for i in range(num_images):
        noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / 'images' / f'{i}.png'), noise)
        images.append(dict(id=i, file_name=f'{i}.png', height=size, width=size))
        for k in range(int(rng.integers(1, 5)) + (i == 0)):
            crowd = i == 0 and k == 0
            label = 1 if crowd else int(rng.choice(4, p=FREQUENCY))
            w, h = rng.integers(16, 40, 2).tolist()
            x, y = rng.integers(0, size - 40, 2).tolist()
            annotations.append(
                dict(
                    id=len(annotations) + 1, image_id=i, category_id=10 * label + 3,
                    bbox=[x, y, w, h], area=w * h, iscrowd=int(crowd),
                )
            )  # fmt: skip
    categories = [dict(id=10 * c + 3, name=name) for c, name in enumerate(CLASSES)]
    content = dict(images=images, annotations=annotations, categories=categories)
    (folder / 'annotations.json').write_text(json.dumps(content))
    labels = [a['category_id'] // 10 for a in annotations if not a['iscrowd']]
    return np.bincount(labels, minlength=4)


def data_set(folder):
    """Config of the data set that :func:`write_coco` wrote."""
    return dict(
        type='CocoDataset',
        ann_file=str(folder / 'annotations.json'),
        data_prefix=dict(img=str(folder / 'images')),
        metainfo=dict(classes=CLASSES),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='Resize', scale=(64, 64), keep_ratio=True),
            dict(type='PackDetInputs'),
        ],
    )


def shrink(model):
    """Make a detector of MMDetection's configs small."""
    model.backbone.update(depth=18, base_channels=8, frozen_stages=-1, init_cfg=None)
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=16)
    for head in (model.get('rpn_head'), model.get('bbox_head')):
        if head is not None:
            head.update(in_channels=16, feat_channels=16)


def cascade(**loss):
    """Config of a Cascade R-CNN; with another loss, if one is given."""
    model = get_config('mmdet::cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py').model
    shrink(model)
    model.roi_head.bbox_roi_extractor.out_channels = 16
    for head in model.roi_head.bbox_head:
        head.update(in_channels=16, fc_out_channels=16, num_classes=4)
        if loss:
            head.loss_cls = dict(num_classes=4, **loss)
    model.train_cfg.rpn_proposal.update(nms_pre=50, max_per_img=32)
    for stage in model.train_cfg.rcnn:
        stage.sampler.num = 16
    return model


def retina():
    """Config of a RetinaNet."""
    model = get_config('mmdet::retinanet/retinanet_r50_fpn_1x_coco.py').model
    shrink(model)
    model.bbox_head.update(num_classes=4, stacked_convs=1)
    return model


class Log(Hook):
    """Logits, labels and weights of each call of each loss, and what else it knows."""

    def __init__(self, names, also=None):
        self.calls = {name: [] for name in names}
        self.also = also

    def before_train(self, runner):
        for name, calls in self.calls.items():
            loss = runner.model.get_submodule(name)
            loss.register_forward_hook(
                lambda module, args, output, calls=calls: calls.append(
                    [
                        *(tensor.detach().clone() for tensor in args[:3]),
                        getattr(module, self.also).clone() if self.also else None,
                    ]
                )
            )


def train(folder, name, model, hooks=(), epochs=2, **options):
    """Train a detector on :func:`write_coco`'s images by MMEngine's runner.

    Args:
        folder: of the images.
        name: of the work dir within the folder.
        model: its config.
        hooks: custom hooks.
        epochs: of two batches of four.
        **options: of the runner.
    """
    torch.manual_seed(0)
    cfg = dict(
        default_scope='mmdet',
        model=model,
        work_dir=str(folder / name),
        train_dataloader=dict(
            batch_size=4,
            num_workers=0,
            dataset=data_set(folder),
            sampler=dict(type='DefaultSampler', shuffle=True),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.02, momentum=0.9)),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)),
        randomness=dict(seed=0, deterministic=True),
        experiment_name=uuid.uuid4().hex,  # runners of one name share their logger
        **options,
    )
    runner = Runner.from_cfg(Config(cfg))
    runner.register_custom_hooks(list(hooks))
    runner.train()
    return runner
