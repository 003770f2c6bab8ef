"""Training loop for small data sets stored in the memory of the device."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import Compose, default_collate, pseudo_collate
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader

from mmgala.datasets.on_device import (
    DeviceImages,
    augmented_batches,
    build_augmentation,
    find_pipeline,
)
from mmgala.datasets.on_device.augmentation import supported_transforms
from mmgala.engine.graphed_step import GraphedStep, Recording
from mmgala.functional.checks import check_whole
from mmgala.registry import LOOPS


@LOOPS.register_module()
class OnDeviceTrainLoop(EpochBasedTrainLoop):
    """Epoch-based training on images stored and augmented on the model's device.

    This is for small images such as CIFAR, for which data loader workers are too slow
    to keep a GPU busy. The training set is stored once, as uint8, and some thousand
    images are augmented at a time. In a config::

        train_cfg = dict(
            _delete_=True,
            type='mmgala.OnDeviceTrainLoop',
            max_epochs=200,
            val_interval=10,
        )

    Data set, sampler, batch size and ``drop_last`` are those of ``train_dataloader``,
    whose workers are never started. The transforms of
    ``configs/_base_/datasets/pipelines/cifar.py`` are supported in any order; others
    raise an error.

    Images have the same order as with the ordinary loop, and each transform gives the
    same pixels for the same random choice. The choices come from a different random
    generator, so results agree in distribution, but are not identical. The choices
    depend only on the seed of the training, the rank, the epoch and the position in the
    epoch, so they are the same on CPU and GPU, and with or without resuming.

    Args:
        runner: runner of the training.
        dataloader: data loader, or its config.
        max_epochs: number of epochs to train.
        val_begin: first epoch after which to validate.
        val_interval: number of epochs between validations.
        dynamic_intervals: changes of ``val_interval``, as in ``EpochBasedTrainLoop``.
        chunk_size: number of images to augment at once, rounded down to whole batches.
        cuda_graph: whether to launch each step as one CUDA graph, several times as fast
            in small networks; see :class:`mmgala.engine.graphed_step.GraphedStep` for
            what a step must and must not do. Hooks get batches whose samples have
            labels only, and attributes that hooks change within an epoch have no
            effect before the next one. On one GPU; ignored on the CPU.

    Raises:
        TypeError: if the data set cannot be read without its pipeline.
        ValueError: if a transform or an option has no on-device version, images differ
            in size, ``chunk_size`` is not positive, or CUDA graphs are asked for on
            several ranks.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_epochs: int,
        val_begin: int = 1,
        val_interval: int = 1,
        dynamic_intervals: list[tuple[int, int]] | None = None,
        chunk_size: int = 4096,
        cuda_graph: bool = False,
    ) -> None:
        super().__init__(
            runner, dataloader, max_epochs, val_begin, val_interval, dynamic_intervals
        )
        check_whole('chunk_size', chunk_size)
        self.chunk_size = chunk_size
        if cuda_graph and get_world_size() > 1:
            raise ValueError(
                f'Expected one rank for `cuda_graph=True`, but got {get_world_size()}: '
                'leave it out, or train on one GPU.'
            )
        self.cuda_graph = cuda_graph
        self._graphed: GraphedStep | None = None
        _check_collate(self.dataloader)
        self.reload_labels()
        self._build_augmentation(find_pipeline(self.dataloader.dataset))

    def reload_labels(self) -> None:
        """Read images and labels of the data set, again after labels were changed."""
        dataset = self.dataloader.dataset
        pack = supported_transforms(find_pipeline(dataset))[-1]
        device = next(self.runner.model.parameters()).device
        self._data = DeviceImages(dataset, pack.meta_keys, device)

    def run_epoch(self) -> None:
        """Train for one epoch."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        if self.cuda_graph and self._data.device.type == 'cuda':
            self._run_graphed()
        else:
            for index, (inputs, _, indices) in enumerate(self._batches()):
                samples = self._data.samples(indices)
                self.run_iter(index, dict(inputs=inputs, data_samples=samples))
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _run_graphed(self, recording: Recording | None = None) -> None:
        """Train on the batches of an epoch with a recorded step."""
        if self._graphed is None:
            self._graphed = GraphedStep(
                self.runner.model, self.runner.optim_wrapper, recording
            )
        step = self._graphed
        step.forget()
        with step.side_stream():
            for index, (inputs, labels, _) in enumerate(self._batches()):
                batch = step.batch(inputs, labels)
                of_step = dict(batch_idx=index, data_batch=batch)
                self.runner.call_hook('before_train_iter', **of_step)
                outputs = step(batch)
                self.runner.call_hook('after_train_iter', **of_step, outputs=outputs)
                self._iter += 1

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Sequence[int]]]:
        """Images, labels and indices of each batch that is left in the epoch."""
        pipeline = find_pipeline(self.dataloader.dataset)
        if pipeline.transforms != self._transforms:  # modified by a hook
            self._build_augmentation(pipeline)
        total = len(self.dataloader)
        sampler = self.dataloader.batch_sampler
        batches = list(itertools.islice(sampler, total))
        rng = np.random.default_rng((self.runner.seed, get_rank(), self._epoch))
        return augmented_batches(
            self._data,
            self._augmentation,
            batches,
            rng,
            _skipped(sampler, total - len(batches)),
            self.chunk_size,
        )

    def _build_augmentation(self, pipeline: Compose) -> None:
        augmentation = build_augmentation(
            pipeline, self._data.size, self._data.channels
        )
        self._augmentation = augmentation.to(self._data.device)
        self._transforms = list(pipeline.transforms)


def _skipped(batch_sampler: Any, missing: int) -> int:
    """Number of images of the epoch that were used before resuming."""
    if type(batch_sampler) is not BatchSampler:  # its batches may differ in size
        return 0
    return missing * batch_sampler.batch_size


def _check_collate(loader: DataLoader) -> None:
    collate: Any = loader.collate_fn
    function = collate.func if isinstance(collate, functools.partial) else collate
    if function not in (pseudo_collate, default_collate):
        name = getattr(function, '__name__', repr(function))
        raise ValueError(
            'Expected `collate_fn` of train_dataloader to be pseudo_collate or '
            f'default_collate, but got {name}: train with the ordinary loop.'
        )
