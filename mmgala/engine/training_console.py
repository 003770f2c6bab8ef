"""What a training shows: what is trained on what, a bar, validations, and files."""

import bisect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmgala.console import current_session, result, say
from mmgala.console.bar import Bar
from mmgala.console.time_left import TimeLeft
from mmgala.engine.metric_lines import ValidationTable
from mmgala.utils.checkpoint import unwrap_model

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
            factor = FORWARD * _batch_size(loaders[0]) / _batch_size(loaders[1])
            batches = len(loaders[0]) * validations_left(runner)
            self.time.plan(val, batches, like=(train, factor))
        for later in range(stage + 1, len(self._epochs)):
            share = self._epochs[later] / self._epochs[stage]
            total = runner.max_iters * share
            self.time.plan(_train(later), total, like=(_train(later - 1), 1.0))
        self.time.start()

    def hook(self, stage: int) -> 'TrainingConsoleHook':
        """The hook that reports on one stage."""
        return TrainingConsoleHook(self, stage)


def _train(stage: int) -> str:
    return f'training {stage}'


def _val(stage: int) -> str:
    return f'validation {stage}'


def _batch_size(loader: Any) -> int:
    return getattr(loader, 'batch_size', None) or 1


def validations_left(runner: Runner) -> int:
    """Number of validations that a training still has to do."""
    loop = runner.train_loop
    by_epoch = hasattr(loop, 'run_epoch')
    last = loop.max_epochs if by_epoch else loop.max_iters
    done = loop.epoch if by_epoch else loop.iter
    milestones = getattr(loop, 'dynamic_milestones', [0])
    intervals = getattr(loop, 'dynamic_intervals', [loop.val_interval])
    count = 0
    for step in range(done + 1, last + 1):
        interval = intervals[max(bisect.bisect(milestones, step) - 1, 0)]
        if step >= loop.val_begin and (step % interval == 0 or step == last):
            count += 1
    return count


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

    def before_run(self, runner: Runner) -> None:
        """Say what is trained."""
        say(description(runner))
        if not hasattr(runner.train_loop, 'run_epoch'):
            self._table = ValidationTable('iteration')

    def before_train(self, runner: Runner) -> None:
        """Start the bar."""
        self._trains = True
        self._progress.plan(self._stage, runner)
        self._show(runner, 'training')

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Count the step."""
        self._progress.time.advance(_train(self._stage), 1)
        if self._progress.bar.due():
            self._show(runner, training_step(runner))

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
        step = runner.epoch if hasattr(runner.train_loop, 'run_epoch') else runner.iter
        for line in self._table.lines(step, metrics or {}):
            result(line)

    def after_val(self, runner: Runner) -> None:
        """To compute the metrics is a part of the validation."""
        if self._trains:
            self._progress.time.advance(_val(self._stage))

    def after_train(self, runner: Runner) -> None:
        """Say where everything is."""
        self._trains = False
        say(files(runner))

    def _show(self, runner: Runner, what: str) -> None:
        time = self._progress.time
        self._progress.bar.update(what, time.share(), time.seconds())


class EvaluationConsoleHook(Hook):
    """Shows how much of a data set has been predicted."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._bar = Bar()
        self._left = TimeLeft()
        self._what = ''

    def before_val(self, runner: Runner) -> None:
        """Start the bar."""
        self._start('predicting the validation set', len(runner.val_dataloader))

    def before_test(self, runner: Runner) -> None:
        """Start the bar."""
        self._start('predicting the test set', len(runner.test_dataloader))

    def after_val_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Count the batch."""
        self._count()

    def after_test_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Count the batch."""
        self._count()

    def after_val(self, runner: Runner) -> None:
        """Remove the bar."""
        self._bar.stop()

    def after_test(self, runner: Runner) -> None:
        """Remove the bar."""
        self._bar.stop()

    def _start(self, what: str, batches: int) -> None:
        self._bar, self._left, self._what = Bar(), TimeLeft(), what
        self._left.plan(what, batches)
        self._left.start()
        self._bar.__enter__()

    def _count(self) -> None:
        self._left.advance(self._what, 1)
        if self._bar.due():
            self._bar.update(self._what, self._left.share(), self._left.seconds())


def training_step(runner: Runner) -> str:
    """Epoch or iteration, and the mean loss of the last steps."""
    if hasattr(runner.train_loop, 'run_epoch'):
        place = f'epoch {runner.epoch + 1} of {runner.max_epochs}'
    else:
        place = f'iteration {runner.iter + 1} of {runner.max_iters}'
    loss = runner.message_hub.log_scalars.get('train/loss')
    return place if loss is None else f'{place}, loss {loss.mean(10):.4g}'


def description(runner: Runner) -> str:
    """What is trained on what, in two lines."""
    model = unwrap_model(runner.model)
    parts = [type(model).__name__]
    for name in ('backbone', 'neck', 'head', 'bbox_head', 'roi_head'):
        if (part := getattr(model, name, None)) is not None:
            parts.append(type(part).__name__)
    loss = getattr(getattr(model, 'head', None), 'loss_module', None)
    text = f'{" > ".join(parts)}'
    if loss is not None:
        text += f' with {type(loss).__name__}'
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    loader = runner.train_dataloader
    if hasattr(runner.train_loop, 'run_epoch'):
        length = f'{runner.max_epochs} epochs of {len(loader)} batches'
    else:
        length = f'{runner.max_iters} iterations'
    device = next(model.parameters()).device
    return (
        f'Training {text}, {weights / 1e6:.3g} million weights\n'
        f'on {type(loader.dataset).__name__}: {length} of '
        f'{_batch_size(loader)}, on {device}.'
    )


def files(runner: Runner) -> str:
    """Where the checkpoints and the log are."""
    lines = [f'Written to {runner.work_dir}:']
    latest = Path(runner.work_dir, 'last_checkpoint')
    if latest.is_file():
        lines.append(f'  last checkpoint  {Path(latest.read_text().strip()).name}')
    best = runner.message_hub.runtime_info.get('best_ckpt')
    if best:
        lines.append(f'  best checkpoint  {Path(str(best)).name}')
    session = current_session()
    if session is not None and session.log is not None:
        log = Path(session.log)
        root = Path(runner.work_dir).absolute()
        shown = log.relative_to(root) if log.is_relative_to(root) else log
        lines.append(f'  log              {shown}')
    return '\n'.join(lines)
