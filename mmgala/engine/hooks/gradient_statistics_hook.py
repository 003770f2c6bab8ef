"""Hook that records the gradients of the logits, class by class."""

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
from mmgala.datasets.labels import class_names, is_detection_dataset
from mmgala.engine.gradient_recording.recorded_losses import (
    GradientAccumulator,
    RecordedLoss,
    check_head_classes,
    find_losses,
    recording_state,
    restore_recording,
    sum_over_ranks,
)
from mmgala.engine.hooks.class_counts_hook import training_thresholds
from mmgala.engine.hooks.padding_hook import BatchPadding
from mmgala.engine.hooks.resume_within_epoch_hook import ResumeWithinEpochHook
from mmgala.functional import ShotThresholds
from mmgala.functional.checks import check_whole
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import unwrap_model
from mmgala.utils.checkpoint_origin import STATISTICS_KEY


@HOOKS.register_module()
class GradientStatisticsHook(Hook):
    """Record the gradients of the logits for each class during training.

    It works with any head and loss, as one entry in ``custom_hooks`` of a config::

        custom_hooks = [dict(type='mmgala.GradientStatisticsHook')]

    For each class, it sums the positive and the negative gradient of the class weight
    vector, the negative gradient *caused* by samples of the class, and the negative
    gradient by source (see :class:`mmgala.functional.GradientSums`; the quantities of
    arXiv 2403.09036, section 2). Gradients are those of each sample's loss, independent
    of loss scale, gradient accumulation, ``loss_weight``, ``avg_factor`` and the number
    of ranks. Training is bit-for-bit the same as without the hook.

    With MMDetection, it records the ``loss_cls`` of each bbox head (each stage of a
    cascade separately) or of a one-stage or query head. Sums include only foreground
    samples and the C classes; gradients to and from background are left out. The
    training samples of a class are its instances.

    With several ranks, every sample of an epoch counts once: not those that a sampler
    adds to give all ranks equally many. In detection they do count.

    After each period, it writes

    * a file ``<work dir>/gradient_statistics/epoch_<n>.npz``, the input of
      ``mmgala gradients``; see :mod:`mmgala.analysis.gradient_files`;
    * scalars ``gradients/...`` to MMEngine's visualizer, hence to TensorBoard, W&B or
      MLflow; see :func:`mmgala.analysis.summarise_gradients`;
    * every ``draw_interval`` periods, a figure to the visualizer.

    With several losses, each has its own folder ``gradient_statistics/<loss>``, scalars
    ``gradients/<loss>/...`` and figures.

    Failure to write a file or figure is logged as a warning and does not stop the
    training.

    A step costs a few passes over the ``(N, C)`` gradient. With several ranks, each
    step all-reduces ``7 C + B * B`` numbers per loss, in one call, so that a
    checkpoint always contains the sums over all ranks.

    Args:
        loss_module: module name of the loss, such as ``'head.loss_module'``, or a list
            of names. Defaults to the only module named ``loss_module`` or, without one,
            to every ``loss_cls`` outside of an ``rpn_head``.
        interval: length of a period in epochs, or in iterations for an iteration-based
            training. Defaults to 1 epoch, or to ``val_interval`` iterations.
        matrix: whether to also sum the negative gradients for each pair of receiving
            and causing class, as a ``(B, B)`` matrix.
        max_bins: maximum size B of the matrix; with more classes, classes of similar
            frequency share a bin.
        draw_interval: number of periods between figures; 0 for no figures.
        many: classes with more training samples are many-shot. Defaults to what the
            metrics state or, without any, to the default of
            :class:`mmgala.functional.ShotThresholds`.
        few: classes with fewer training samples are few-shot; likewise.

    Raises:
        TypeError: before training, if the training set does not expose its labels.
        ValueError: before training, if the loss is not found or ambiguous, the config
            states two different shot thresholds, or a detection head has a different
            number of classes than the training set; in the first step, if the logits
            do.
    """

    shot_thresholds: ShotThresholds | None = None

    def __init__(
        self,
        loss_module: str | Sequence[str] | None = None,
        interval: int | None = None,
        matrix: bool = False,
        max_bins: int = 200,
        draw_interval: int = 10,
        many: int | None = None,
        few: int | None = None,
    ) -> None:
        for name, value, least in (
            ('interval', interval, 1),
            ('max_bins', max_bins, 1),
            ('draw_interval', draw_interval, 0),
        ):
            if value is not None:
                check_whole(name, value, least)
        self.loss_module = loss_module
        self.interval = interval
        self.max_bins = max_bins if matrix else 0
        self.draw_interval = draw_interval
        self.shot_thresholds = ShotThresholds.from_arguments(many, few)
        self._saved: dict[str, Any] | None = None
        self._losses: list[RecordedLoss] = []
        self._padding = BatchPadding()

    def before_train(self, runner: Runner) -> None:
        """Find the losses, count the classes and restore sums from a checkpoint."""
        model = unwrap_model(runner.model)
        losses = find_losses(model, self.loss_module)
        dataset = runner.train_dataloader.dataset
        head = getattr(model, 'head', None)
        if getattr(head, 'fused', False):
            raise ValueError(
                'GradientStatisticsHook observes the gradients of logits, which a head '
                'with fused=True never has: remove the hook, or use fused=False.'
            )
        counts = count_classes(dataset, getattr(head, 'num_classes', None))
        self._counts = np.array(counts)
        names = class_names(dataset)
        self._thresholds = training_thresholds(runner)
        known = len(names) == len(counts)
        self._names = names if known else tuple(map(str, range(len(counts))))
        self._by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._interval = self.interval or (
            1 if self._by_epoch else runner.train_loop.val_interval
        )
        # Imported late, as the other hooks do not need the plotting libraries.
        from mmgala.engine.gradient_recording import output

        self._output = output
        detection = is_detection_dataset(dataset)
        if detection:
            check_head_classes(model, list(losses), len(counts))
        self._losses = self._record(model, losses, len(counts) if detection else None)
        if runner.iter > 0:  # resumed; load_from loads only weights
            self._restore(runner)
        if is_main_process():
            done = runner.epoch if self._by_epoch else runner.iter
            self._output.move_old_records(runner, done)
        self._unfinished = False
        runner.logger.info(f'Recording gradient statistics of {", ".join(losses)}.')

    def _record(
        self, model: nn.Module, losses: dict[str, nn.Module], num_classes: int | None
    ) -> list[RecordedLoss]:
        device = next(model.parameters()).device
        counts = torch.from_numpy(self._counts)
        return [
            RecordedLoss(
                name,
                module,
                GradientAccumulator(counts, self._thresholds, self.max_bins, device),
                num_classes,
                alone=len(losses) == 1,
            )
            for name, module in losses.items()
        ]

    def _restore(self, runner: Runner) -> None:
        for reason in restore_recording(self._losses, self._saved):
            runner.logger.warning(
                f'The checkpoint {reason}: recording starts at iteration '
                f'{runner.iter + 1}.'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Discard the part of an interrupted epoch that MMEngine repeats."""
        continues_epoch = any(
            isinstance(hook, ResumeWithinEpochHook) and hook.batches_done > 0
            for hook in runner.hooks
        )
        if self._by_epoch and not continues_epoch:
            for loss in self._losses:
                loss.sums.drop_current()
        self._padding.start_epoch(runner)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None
    ) -> None:
        """Leave out samples that a sampler added to give all ranks equally many."""
        padding = self._padding.of_batch(runner)
        for loss in self._losses:
            loss.leave_out(padding)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: dict | None = None,
    ) -> None:
        """Sum the gradients of the step over the ranks."""
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
        """End the period, if it is measured in epochs."""
        if not self._by_epoch:
            return
        for loss in self._losses:
            loss.sums.fold()
        if self.every_n_epochs(runner, self._interval) or self.is_last_train_epoch(
            runner
        ):
            self._finish_period(runner, 'epoch', runner.epoch + 1)

    def after_train(self, runner: Runner) -> None:
        """Stop recording, and write the statistics of an unfinished period."""
        for loss in self._losses:
            loss.remove()
        if self._unfinished:
            unit = 'epoch' if self._by_epoch else 'iter'
            self._finish_period(runner, unit, getattr(runner, unit))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the sums."""
        if self._losses:  # empty without training
            checkpoint[STATISTICS_KEY] = recording_state(self._losses)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the sums, to restore them if the training is resumed."""
        self._saved = checkpoint.get(STATISTICS_KEY)

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
                    f'{loss.name} had no finite gradient until {unit} {number}: if '
                    'the head computes its loss in another module, choose that one '
                    'with GradientStatisticsHook(loss_module=...).'
                )
            record = self._output.make_record(
                (unit, number), self._names, self._counts, self._thresholds,
                loss.sums.bins, period, total,
            )  # fmt: skip
            self._output.write_outputs(runner, record, draw, loss.folder)
