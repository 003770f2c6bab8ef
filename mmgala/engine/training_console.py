"""What a training shows: what is trained on what, a bar, validations, and files."""

import bisect
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmgala.console import result, say
from mmgala.console.bar import Bar
from mmgala.console.time_left import TimeLeft, duration
from mmgala.engine.metric_lines import ValidationTable
from mmgala.engine.training_description import (
    batch_size,
    description,
    trains_by_epoch,
    written_files,
)

FORWARD = 0.5  # time to predict a sample, in that to train on it, until it is measured


class TrainingProgress:
    """The bar of all stages of a training.

    Args:
        epochs: of each stage, or iterations; stages are assumed to have equally long
            ones until they are measured.
    """

    def __init__(self, epochs: Sequence[float]) -> None:
        self.bar = Bar()
        self.time = TimeLeft()
        self._epochs = epochs

    def __enter__(self) -> 'TrainingProgress':
        self.bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bar.stop()

    def plan(self, stage: int, runner: Runner) -> None:
        """Take over how long a stage is, now that its data loaders exist."""
        train, val = _train(stage), _val(stage)
        earlier = (_train(stage - 1), 1.0) if stage else None
        self.time.plan(train, runner.max_iters, runner.iter, like=earlier)
        if runner.val_loop is not None:
            loaders = runner.val_dataloader, runner.train_dataloader
            factor = FORWARD * batch_size(loaders[0]) / batch_size(loaders[1])
            batches = len(loaders[0]) * validations_left(runner)
            self.time.plan(val, batches, like=(train, factor))
        for later in range(stage + 1, len(self._epochs)):
            share = self._epochs[later] / self._epochs[stage]
            total = runner.max_iters * share
            self.time.plan(_train(later), total, like=(_train(later - 1), 1.0))
        self.time.start()

    def ended(self, stage: int) -> None:
        """A stage has ended; after the last one, there is no bar."""
        if stage == len(self._epochs) - 1:
            self.bar.stop()

    def hook(self, stage: int) -> 'TrainingConsoleHook':
        """The hook that reports on one stage."""
        return TrainingConsoleHook(self, stage)


def _train(stage: int) -> str:
    return f'training {stage}'


def _val(stage: int) -> str:
    return f'validation {stage}'


def validations_left(runner: Runner) -> int:
    """Number of validations that a training still has to do."""
    loop = runner.train_loop
    by_epoch = hasattr(loop, 'run_epoch')
    last = loop.max_epochs if by_epoch else loop.max_iters
    done = loop.epoch if by_epoch else loop.iter
    milestones = getattr(loop, 'dynamic_milestones', [0])
    intervals = getattr(loop, 'dynamic_intervals', [loop.val_interval])
    first = max(done + 1, loop.val_begin)
    if first > last:
        return 0
    # MMEngine uses an interval from the step before its milestone on.
    starts = [0, *(milestone - 1 for milestone in milestones[1:]), last + 1]
    count = 0
    for interval, (start, end) in zip(intervals, pairwise(starts), strict=True):
        low, high = max(first, start), min(end - 1, last)
        count += max(0, high // interval - (low - 1) // interval)
    at_last = intervals[max(bisect.bisect(milestones, last + 1) - 1, 0)]
    return count + (last % at_last != 0)


class TrainingConsoleHook(Hook):
    """Shows one stage of a training on the console.

    It reads the loss where MMEngine has stored it as a number, and only when the bar is
    drawn, so that it never waits for the device.

    Args:
        progress: of all stages.
        stage: number of the stage, from 0.
    """

    priority = 'LOWEST'

    def __init__(self, progress: TrainingProgress, stage: int) -> None:
        self._progress = progress
        self._stage = stage
        self._table = ValidationTable('epoch')
        self._trains = False
        self._start = 0.0

    def before_run(self, runner: Runner) -> None:
        """Say what is trained."""
        say(description(runner))
        if not trains_by_epoch(runner):
            self._table = ValidationTable('iteration')

    def before_train(self, runner: Runner) -> None:
        """Start the bar."""
        self._trains = True
        if runner.iter > 0:
            say(f'Resumed after {self._table.unit} {_steps_done(runner)}.')
        self._progress.plan(self._stage, runner)
        self._start = time.monotonic()

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Count the step."""
        self._progress.time.advance(_train(self._stage), 1)
        epoch = (self._stage, runner.epoch)
        if self._progress.bar.due(epoch):
            self._show(runner, training_step(runner), epoch)

    def before_val(self, runner: Runner) -> None:
        """What has passed since the last step belongs to the training."""
        if self._trains:
            self._progress.time.advance(_train(self._stage))

    def after_val_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Count the batch."""
        if self._trains:
            self._progress.time.advance(_val(self._stage), 1)
            if self._progress.bar.due():
                self._show(runner, 'validating')

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Print the metrics as a row."""
        for line in self._table.lines(_steps_done(runner), metrics or {}):
            result(line)

    def after_val(self, runner: Runner) -> None:
        """To compute the metrics is a part of the validation."""
        if self._trains:
            self._progress.time.advance(_val(self._stage))

    def after_train(self, runner: Runner) -> None:
        """Say where everything is."""
        self._trains = False
        self._progress.ended(self._stage)
        say(f'Trained for {duration(time.monotonic() - self._start)}.')
        say(written_files(runner))

    def _show(
        self, runner: Runner, what: str, epoch: tuple[int, int] | None = None
    ) -> None:
        left = self._progress.time
        self._progress.bar.update(what, left.share(), left.seconds(), epoch)


def _steps_done(runner: Runner) -> int:
    return runner.epoch if trains_by_epoch(runner) else runner.iter


def training_step(runner: Runner) -> str:
    """Epoch or iteration, and the mean loss of the last steps."""
    if trains_by_epoch(runner):
        place = f'epoch {runner.epoch + 1} of {runner.max_epochs}'
    else:
        place = f'iteration {runner.iter + 1} of {runner.max_iters}'
    loss = runner.message_hub.log_scalars.get('train/loss')
    return place if loss is None else f'{place}, loss {loss.mean(10):.4g}'
