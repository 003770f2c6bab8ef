"""What a test shows: how much of a data set has been predicted."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmgala.console.bar import Bar
from mmgala.console.time_left import TimeLeft


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
