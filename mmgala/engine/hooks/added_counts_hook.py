"""Class counts and data checks for configs that do not ask for them."""

from typing import Any

import torch
from mmengine.runner import Runner
from torch import nn

from mmgala.datasets.labels import (
    dataset_labels,
    instance_labels,
    is_detection_dataset,
)
from mmgala.engine.hooks.class_counts_hook import ClassCountsHook
from mmgala.engine.hooks.class_names_hook import ClassNamesHook
from mmgala.losses.training_statistics import TrainingStatistics


class AddedCountsHook(ClassCountsHook):
    """:class:`ClassCountsHook` for any config: it changes no training.

    Labels that cannot be counted, as in self-supervised or multi-label training, are
    left alone, and losses with class counts in the config keep these.
    """

    def before_train(self, runner: Runner) -> None:
        """Validate and count the training labels, if there are any."""
        if has_single_labels(runner.train_dataloader.dataset):
            super().before_train(runner)
            return
        runner.logger.info(
            'The training set does not have one label for each sample, so nothing is '
            'counted or checked.'
        )
        ClassNamesHook.before_train(self, runner)

    def _set_class_counts(self, model: nn.Module) -> None:
        for module in model.modules():
            if isinstance(module, TrainingStatistics):
                module.drop_loaded()  # counts of the training that weights come from
            set_class_counts = getattr(module, 'set_class_counts', None)
            if set_class_counts is not None and not _has_counts(module):
                set_class_counts(self.class_draws)


def has_single_labels(dataset: Any) -> bool:
    """Whether samples of a data set can be counted by class."""
    labels = instance_labels if is_detection_dataset(dataset) else dataset_labels
    try:
        labels(dataset)
    except (TypeError, ValueError):
        return False
    return True


def _has_counts(module: nn.Module) -> bool:
    counts = getattr(module, 'class_counts', None)
    return counts is not None and bool(torch.as_tensor(counts).any())
