"""Hook that corrects how the best checkpoint is chosen, and checks metric names."""

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.optim import ReduceOnPlateauParamScheduler
from mmengine.runner import Runner

from mmgala.engine.metric_rules import (
    FIRST_METRIC,
    known_rule,
    monitors,
    require_rule,
)
from mmgala.evaluation import LongTailedAccuracy
from mmgala.functional.metrics import Rule
from mmgala.names import METRIC_NAMES
from mmgala.registry import HOOKS


@HOOKS.register_module()
class MetricRulesHook(Hook):
    """Let ``save_best`` and other monitors compare metrics in the right direction.

    For each metric that a ``CheckpointHook``, an ``EarlyStoppingHook`` or a
    ``ReduceOnPlateauLR`` monitors without a stated ``rule``, the rule is looked up; see
    :mod:`mmgala.engine.metric_rules`. Each name must be reported: this is checked after
    the first validation or, if that has only :class:`LongTailedAccuracy`, before
    training.

    It is in ``configs/_base_/default_runtime.py``; ``mmgala train`` and
    ``mmgala compare`` add it to every training.

    Raises:
        ValueError: if a monitored metric has no known and no stated rule, or is not
            reported.
    """

    def __init__(self) -> None:
        self._stated: dict[tuple[type, str], Rule | None] = {}
        self._names: list[tuple[str, str]] = []
        self._auto: list[CheckpointHook] = []

    def before_train(self, runner: Runner) -> None:
        """Set the rules, after a resumed training has restored its schedulers."""
        self._names, self._auto = [], []
        self._stated = {
            (monitor.kind, name): monitor.rules.get(name)
            for monitor in monitors(runner.cfg)
            for name in monitor.names
        }
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and hook.save_best:
                self._set_best(hook)
            elif isinstance(hook, EarlyStoppingHook):
                self._set_early_stopping(hook)
        for scheduler in _plateau_schedulers(runner.param_schedulers):
            self._set_plateau(scheduler)
        reported = _reported_names(runner)
        if reported is not None:
            self._require(reported)

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Check the names, and find the rule of ``save_best='auto'``."""
        if not metrics:
            return
        self._require(list(metrics))
        for hook in self._auto:
            first = next(iter(metrics))
            hook.rules = [require_rule(first, 'CheckpointHook.save_best')]
        self._names, self._auto = [], []

    def _set_best(self, hook: CheckpointHook) -> None:
        if FIRST_METRIC in hook.key_indicators:
            if hook.rules == [None]:
                self._auto.append(hook)
            return
        for index, name in enumerate(hook.key_indicators):
            place, current = 'CheckpointHook.save_best', hook.rules[index]
            rule = self._rule(CheckpointHook, name, place, current)
            hook.rules[index] = rule
            hook.is_better_than[name] = hook.rule_map[rule]

    def _set_early_stopping(self, hook: EarlyStoppingHook) -> None:
        place = 'EarlyStoppingHook.monitor'
        rule = self._rule(EarlyStoppingHook, hook.monitor, place, hook.rule)
        if rule != hook.rule:
            hook.rule = rule
            hook.min_delta = -hook.min_delta
            hook.best_score = -hook.best_score  # infinite before training

    def _set_plateau(self, scheduler: ReduceOnPlateauParamScheduler) -> None:
        rule = self._rule(ReduceOnPlateauParamScheduler, scheduler.monitor,
                          'ReduceOnPlateauLR.monitor', scheduler.rule)  # fmt: skip
        if rule != scheduler.rule:
            scheduler._init_is_better(rule, scheduler.threshold,
                                      scheduler.threshold_rule)  # fmt: skip
            scheduler._reset()

    def _rule(self, kind: type, name: str, place: str, current: Rule) -> Rule:
        """The stated rule of a metric, or else the known one.

        Without a config, whether ``current`` was stated or guessed cannot be told: it
        stays if the metric is unknown.
        """
        self._names.append((name, place))
        if (kind, name) not in self._stated:
            return known_rule(name) or current
        return self._stated[kind, name] or require_rule(name, place)

    def _require(self, reported: list[str]) -> None:
        """Check that all monitored metrics are reported."""
        for name, place in self._names:
            if name not in reported:
                raise ValueError(
                    f'{place}={name!r} is not a metric of the validation; it reports '
                    f'{", ".join(reported)}.'
                )


def add_metric_rules(runner: Runner) -> None:
    """Add the hook to a runner whose config does not have it."""
    if not any(isinstance(hook, MetricRulesHook) for hook in runner.hooks):
        runner.register_hook(MetricRulesHook())


def _plateau_schedulers(
    schedulers: Any,
) -> Iterator[ReduceOnPlateauParamScheduler]:
    """The schedulers of this kind in ``runner.param_schedulers``."""
    if isinstance(schedulers, dict):
        schedulers = [one for part in schedulers.values() for one in part]
    for one in schedulers or []:
        if isinstance(one, ReduceOnPlateauParamScheduler):
            yield one


def _reported_names(runner: Runner) -> list[str] | None:
    """Names that the validation can report; ``None`` if a metric is of another type.

    A subclass may report more.
    """
    if runner.val_loop is None:
        return None
    names = []
    for metric in runner.val_evaluator.metrics:
        if type(metric) is not LongTailedAccuracy:
            return None
        own = [f'top{k}' for k in metric.topk]
        own += [name for name in METRIC_NAMES if name != 'top1']
        names += [f'{metric.prefix}/{name}' if metric.prefix else name for name in own]
    return names
