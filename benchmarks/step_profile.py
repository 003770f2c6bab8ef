"""Where the time of a training step goes, by hook and by part of the model."""

import functools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

LOADER = 'data loader'
LOOP = 'the loop itself'
PARTS = {
    'data_preprocessor.forward': 'data preprocessor',
    'extract_feat': 'network, forward',
    'head.loss': 'head and loss',
    'parse_losses': 'sum of the losses',
}
OPTIMIZER = {
    'backward': 'backward pass',
    'step': 'optimizer',
    'zero_grad': 'optimizer',
}


class StepProfile:
    """Times the parts of the steps of a runner, each without the parts within it.

    Args:
        runner: MMEngine's runner, between two steps.
        clock: of seconds. With a GPU and the time of a clock on the wall, most is spent
            where the process waits for the device: in the hook that reads the loss.
    """

    def __init__(self, runner: Any, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds: dict[str, float] = defaultdict(float)
        self._within = [0.0]  # time of the parts in each part that is running
        self._replaced: list[tuple[Any, str]] = []
        for hook in runner.hooks:
            for name in ('before_train_iter', 'after_train_iter'):
                self._replace(hook, name, type(hook).__name__)
        for path, part in PARTS.items():
            *owners, name = path.split('.')
            owner = functools.reduce(getattr, owners, runner.model)
            self._replace(owner, name, part)
        for name, part in OPTIMIZER.items():
            self._replace(runner.optim_wrapper, name, part)
        self._call_hook = runner.call_hook
        runner.call_hook = self._call_hook_of_step
        self._replaced.append((runner, 'call_hook'))
        self._start = self._step_end = self._clock()

    def step_ended(self) -> None:
        """A step has ended: what comes before the first hook is the data loader's."""
        self._step_end = self._clock()

    def end(self) -> dict[str, float]:
        """Stop, and return the seconds of each part."""
        total = self._clock() - self._start
        for owner, name in self._replaced:
            delattr(owner, name)
        return {**self._seconds, LOOP: total - sum(self._seconds.values())}

    def _call_hook_of_step(self, name: str, **kwargs: Any) -> None:
        if name == 'before_train_iter':
            self._seconds[LOADER] += self._clock() - self._step_end
        self._call_hook(name, **kwargs)

    def _replace(self, owner: Any, name: str, part: str) -> None:
        setattr(owner, name, self._timed(getattr(owner, name), part))
        self._replaced.append((owner, name))

    def _timed(self, function: Callable, part: str) -> Callable:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = self._clock()
            self._within.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                whole = self._clock() - start
                self._seconds[part] += whole - self._within.pop()
                self._within[-1] += whole

        return timed
