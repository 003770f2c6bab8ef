"""Hook that gives labels of all data sets the meaning of the training classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import BaseLoop, Runner
from mmengine.runner.loops import _InfiniteDataloaderIterator

from mmgala.datasets.class_alignment import (
    PARTS,
    align_classes,
    report_unnamed_classes,
)
from mmgala.datasets.labels import class_names, dataset_labels, is_detection_dataset
from mmgala.engine.class_width import check_widths, head_width
from mmgala.engine.resumed_data import REMEDY
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import unwrap_model
from mmgala.utils.checkpoint_meta import stored_class_names
from mmgala.utils.class_names import list_names


@HOOKS.register_module()
class ClassNamesHook(Hook):
    """Labels of every data set mean the training classes, by name.

    A validation or test set that lacks a class, has its classes in another order or
    holds an empty folder makes a list of classes of its own. Its samples are
    re-labelled, see :func:`mmgala.datasets.align_classes`.

    * The training classes are those of the training set or, in a test and in a resumed
      training, those stored in the checkpoint. Without stored names, labels stay as
      they are.
    * Before training, validation data with unknown classes are refused, as is a model
      whose number of classes is not that of the training set.
    * If the number of classes in the config is that of the training classes with
      samples, the others, such as hidden folders, are left out.
    * Checkpoints store the names as ``meta['class_names']``, metrics get them as
      ``dataset_meta['classes']``.

    :class:`ClassCountsHook`, which all tools use, contains it.

    Raises:
        TypeError: if a data set with another list of classes cannot be re-labelled.
        ValueError: if a data set has samples of unknown classes, or the model has
            another number of classes than the training set.
    """

    classes: tuple[str, ...] = ()
    _stored_classes: tuple[str, ...] | None = None

    def before_train(self, runner: Runner) -> None:
        """Settle the training classes, check the model and align the validation set."""
        dataset = runner.train_dataloader.dataset
        model = unwrap_model(runner.model)
        names = class_names(dataset)
        if runner.iter > 0 and self._stored_classes:  # resumed, not only load_from
            wanted = self._stored_classes
            relabelled = _align_resumed(runner, wanted)
        else:
            wanted = _trained_classes(dataset, names, head_width(model))
            self._stored_classes = None
            relabelled = align_classes(dataset, wanted, PARTS['train'])
        if relabelled:
            _reload_training_labels(runner)
        self.classes = wanted
        check_widths(model, wanted, lambda: _about_empty_classes(dataset, wanted))
        for split in ('val', 'test'):
            loop = getattr(runner, f'_{split}_loop')
            if isinstance(loop, BaseLoop):  # built already
                self._align(runner, loop, split)

    def before_val(self, runner: Runner) -> None:
        """Align the validation set."""
        self._align(runner, runner.val_loop, 'val')

    def before_test(self, runner: Runner) -> None:
        """Align the test set."""
        self._align(runner, runner.test_loop, 'test')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the names."""
        if self.classes:
            checkpoint['meta']['class_names'] = list(self.classes)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the names of the classes that the model was trained on."""
        self._stored_classes = stored_class_names(checkpoint)

    def _align(self, runner: Runner, loop: BaseLoop, split: str) -> None:
        """Align a loop's data set, and tell its metrics the names."""
        dataset = loop.dataloader.dataset
        names = self.classes or self._stored_classes
        if names:
            if align_classes(dataset, names, PARTS[split]):
                runner.visualizer.dataset_meta = dataset.metainfo
            if hasattr(loop, 'evaluator'):
                name_classes(loop.evaluator, names)
        elif names is not None:  # a checkpoint without names was loaded
            report_unnamed_classes(dataset, PARTS[split])


def name_classes(evaluator: Evaluator, names: Sequence[str]) -> None:
    """Tell the metrics the names of the classes, next to what they know already."""
    meta = {**(evaluator.dataset_meta or {}), 'classes': tuple(names)}
    evaluator._dataset_meta = meta
    for metric in evaluator.metrics:
        metric.dataset_meta = {**(metric.dataset_meta or {}), 'classes': tuple(names)}


def _empty_classes(dataset: Any, names: Sequence[str]) -> list[str]:
    """Classes of a classification data set without samples."""
    if not names or is_detection_dataset(dataset):
        return []
    try:
        labels = dataset_labels(dataset)
    except (TypeError, ValueError):  # unknown, or several per sample
        return []
    present = set(np.unique(labels).tolist())
    return [name for index, name in enumerate(names) if index not in present]


def _trained_classes(
    dataset: Any, names: tuple[str, ...], width: int | None
) -> tuple[str, ...]:
    """The classes of a training set, without those that the model does not have."""
    if width is None or len(names) <= width:
        return names
    empty = _empty_classes(dataset, names)
    if len(names) - len(empty) != width:
        return names
    print_log(
        f'{len(empty)} classes of the training set have no samples and are left out: '
        f'{list_names(empty)}.',
        logger='current',
    )
    return tuple(name for name in names if name not in empty)


def _align_resumed(runner: Runner, classes: Sequence[str]) -> bool:
    """Align the training set with the classes of the checkpoint."""
    try:
        dataset = runner.train_dataloader.dataset
        return align_classes(dataset, classes, PARTS['train'])
    except ValueError as error:
        remedy = REMEDY.format(path=runner._load_from or runner.work_dir)
        raise ValueError(f'{error} {remedy}') from error


def _about_empty_classes(dataset: Any, names: Sequence[str]) -> str:
    empty = _empty_classes(dataset, names)
    if not empty:
        return ''
    return f' {len(empty)} of these classes have no samples: {list_names(empty)}.'


def _reload_training_labels(runner: Runner) -> None:
    """Let the sampler and the loop of a training read labels again."""
    loop = runner.train_loop
    for part in (runner.train_dataloader.sampler, loop):
        if hasattr(part, 'reload_labels'):
            part.reload_labels()
    if hasattr(loop, 'dataloader_iterator'):  # its workers have copies of the data set
        loop.dataloader_iterator = _InfiniteDataloaderIterator(loop.dataloader)
