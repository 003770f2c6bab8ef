"""Record which class vectors are pulled and pushed in training, and by whom."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn

from mmgala.datasets import count_classes
from mmgala.datasets.labels import class_names, holds_instances
from mmgala.engine.gradient_recording.find_losses import check_num_classes, find_losses
from mmgala.engine.gradient_recording.watched_loss import (
    GradientAccumulator,
    WatchedLoss,
    restore,
    state_of,
    sum_over_ranks,
)
from mmgala.engine.hooks.resume_within_epoch_hook import ResumeWithinEpochHook
from mmgala.functional import shot_groups
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint import unwrap_model

KEY = 'gradient_statistics'


@HOOKS.register_module()
class GradientStatisticsHook(Hook):
    """Keep, per class, the logit gradients that a training really computes.

    One entry in ``custom_hooks`` of a config, whatever its head and loss::

        custom_hooks = [dict(type='mmgala.GradientStatisticsHook')]

    For each class it sums positive and negative gradient of the class vector, the
    negative gradient *given* by the class's samples, and where negative gradient
    comes from (:class:`mmgala.functional.GradientSums`; the quantities of arXiv
    2403.09036, section 2). The gradient is that of each sample's own loss: loss scale,
    gradient accumulation, ``loss_weight``, ``avg_factor`` and the number of ranks do
    not change it. The training is the same, to the last bit, as without the hook.

    In MMDetection's trainings it watches the ``loss_cls`` of every bbox head, each
    stage of a cascade by itself, or of a one-stage or query head. Sums are over samples
    of the foreground and the C classes: background, which pushes all class vectors,
    is no class, and what it gives is left out of every sum. Training samples of a class
    are its instances, as often as an epoch shows them.

    After each period it writes

    * ``<work dir>/gradient_statistics/epoch_<n>.npz``, for
      ``tools/analysis/gradient_report.py``; see :mod:`mmgala.analysis.gradient_files`;
    * scalars ``gradients/...`` to MMEngine's visualizer, and so to TensorBoard, W&B or
      MLflow; see :func:`mmgala.analysis.summarise_gradients`;
    * every ``draw_interval`` periods a picture, likewise.

    Several losses have a folder ``gradient_statistics/<loss>`` each, scalars
    ``gradients/<loss>/...`` and pictures of their own.

    A file or picture that cannot be written costs a warning, never the training.

    A step costs a few passes over the ``(N, C)`` gradient. With several ranks all of
    them reduce ``7 C + B * B`` numbers of each loss, at once, in every step, so that a
    checkpoint, which one rank saves, never holds one rank's share.

    Args:
        loss_module: name of the loss in the model, such as ``'head.loss_module'``, or
            a list of names. Defaults to the model's only module of the name
            ``loss_module``, or else to every ``loss_cls`` outside of an ``rpn_head``.
        interval: a period, in epochs; in iterations where the training counts in
            these. Defaults to 1 epoch, or to the loop's ``val_interval`` iterations.
        matrix: also sum negative gradient by receiving and giving class, ``(B, B)``.
        max_bins: up to so many classes, each has its own row and column in the
            matrix; beyond, so many bins of classes of similar frequency have.
        draw_interval: a picture every so many periods; 0 for none.
        many: classes with more training samples are many-shot.
        few: classes with fewer training samples are few-shot.

    Raises:
        TypeError: before the training if the training set does not tell its labels.
        ValueError: before the training if the loss is not found, or one of several
            ``loss_module``, or if a detection head and the training set disagree about
            the number of classes; in the first step if logits do.
    """

    def __init__(
        self,
        loss_module: str | Sequence[str] | None = None,
        interval: int | None = None,
        matrix: bool = False,
        max_bins: int = 200,
        draw_interval: int = 10,
        many: int = 100,
        few: int = 20,
    ) -> None:
        for name, value, least in (
            ('interval', interval, 1),
            ('max_bins', max_bins, 1),
            ('draw_interval', draw_interval, 0),
        ):
            if value is not None and value < least:
                raise ValueError(
                    f'Expected `{name}` to be {least} or more, but got {value}.'
                )
        shot_groups([], many, few)  # checks the limits
        self.loss_module = loss_module
        self.interval = interval
        self.max_bins = max_bins if matrix else 0
        self.draw_interval = draw_interval
        self.limits = (many, few)
        self._saved: dict[str, Any] | None = None
        self._losses: list[WatchedLoss] = []

    def before_train(self, runner: Runner) -> None:
        """Find the losses, count the classes, and go on where a checkpoint stopped."""
        model = unwrap_model(runner.model)
        losses = find_losses(model, self.loss_module)
        dataset = runner.train_dataloader.dataset
        head = getattr(model, 'head', None)
        counts = count_classes(dataset, getattr(head, 'num_classes', None))
        self._counts = np.array(counts)
        names = class_names(dataset)
        known = len(names) == len(counts)
        self._names = names if known else tuple(map(str, range(len(counts))))
        self._by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._interval = self.interval or (
            1 if self._by_epoch else runner.train_loop.val_interval
        )
        # Not above: the other hooks are of use without what files and pictures need.
        from mmgala.engine.gradient_recording import output

        self._output = output
        detection = holds_instances(dataset)
        if detection:
            check_num_classes(model, list(losses), len(counts))
        self._losses = self._watch(model, losses, len(counts) if detection else None)
        if runner.iter > 0:  # load_from alone brings weights, no statistics
            self._restore(runner)
        if is_main_process():
            done = runner.epoch if self._by_epoch else runner.iter
            self._output.set_old_files_aside(runner, done)
        self._unfinished = False
        runner.logger.info(f'Gradient statistics of {", ".join(losses)} are recorded.')

    def _watch(
        self, model: nn.Module, losses: dict[str, nn.Module], num_classes: int | None
    ) -> list[WatchedLoss]:
        device = next(model.parameters()).device
        counts = torch.from_numpy(self._counts)
        return [
            WatchedLoss(
                name,
                module,
                GradientAccumulator(counts, self.limits, self.max_bins, device),
                num_classes,
                alone=len(losses) == 1,
            )
            for name, module in losses.items()
        ]

    def _restore(self, runner: Runner) -> None:
        for reason in restore(self._losses, self._saved):
            runner.logger.warning(
                f'The checkpoint {reason}: gradient statistics begin at iteration '
                f'{runner.iter + 1}.'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Forget the part of an interrupted epoch that MMEngine repeats."""
        goes_on = any(
            isinstance(hook, ResumeWithinEpochHook) and hook.batches_done > 0
            for hook in runner.hooks
        )
        if self._by_epoch and not goes_on:
            for loss in self._losses:
                loss.sums.drop_current()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: dict | None = None,
    ) -> None:
        """Sum over the ranks."""
        sum_over_ranks(loss.sums for loss in self._losses)
        for loss in self._losses:
            loss.sums.finish_step()
        self._unfinished = True
        if not self._by_epoch and (
            self.every_n_train_iters(runner, self._interval)
            or self.is_last_train_iter(runner)
        ):
            self._finish_period(runner, 'iter', runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """End a period that counts in epochs."""
        if not self._by_epoch:
            return
        for loss in self._losses:
            loss.sums.fold()
        if self.every_n_epochs(runner, self._interval) or self.is_last_train_epoch(
            runner
        ):
            self._finish_period(runner, 'epoch', runner.epoch + 1)

    def after_train(self, runner: Runner) -> None:
        """Leave the losses as they were, and nothing of a training that ended early."""
        for loss in self._losses:
            loss.remove()
        if self._unfinished:
            unit = 'epoch' if self._by_epoch else 'iter'
            self._finish_period(runner, unit, getattr(runner, unit))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the sums."""
        if self._losses:  # else nothing was trained
            checkpoint[KEY] = state_of(self._losses)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Read the sums, which count if the training is resumed from here."""
        self._saved = checkpoint.get(KEY)

    def _finish_period(self, runner: Runner, unit: str, number: int) -> None:
        self._unfinished = False
        drawn_every = self.draw_interval * self._interval
        draw = bool(drawn_every) and number % drawn_every == 0
        for loss in self._losses:
            period, total = loss.sums.finish_period()
            if not is_main_process():
                continue
            if not period.samples.any():
                runner.logger.warning(
                    f'{loss.name} sent back no finite gradient until {unit} {number}: '
                    'if the head computes its loss elsewhere, name that module with '
                    'GradientStatisticsHook(loss_module=...).'
                )
            record = self._output.make_record(
                (unit, number), self._names, self._counts, self.limits, loss.sums.bins,
                period, total,
            )  # fmt: skip
            self._output.write_outputs(runner, record, draw, loss.folder)
