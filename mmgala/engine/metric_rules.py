"""Whether larger or smaller values of a monitored metric are better.

MMEngine takes the rule of ``save_best``, and of the ``monitor`` of early stopping, from
parts of the name: since "accuracy/ece" contains "acc", it keeps the *largest* error.
``ReduceOnPlateauLR`` always assumes that smaller values are better. Here, the rule of a
known name is looked up, and an unknown name needs a rule in the config.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.optim import ReduceOnPlateauParamScheduler
from mmengine.registry import HOOKS, PARAM_SCHEDULERS

from mmgala.functional.metrics import Rule, metric_rule
from mmgala.registry import is_subclass

FIRST_METRIC = 'auto'  # save_best: the first metric of the first validation
# Names that MMEngine, MMPretrain, MMDetection and our LVIS metric report, without
# their prefix.
_GREATER = (
    r'acc|accuracy|mAcc|aAcc|mIoU|mDice|auc',
    r'top\d+_(no-thr|thr-[\d.]+)',
    r'(precision|recall|f1-score)(_(micro|macro|no-thr|top\d+|thr-[\d.]+))*',
    r'((bbox|segm|proposal)_)?m?AP(_?(50|75|s|m|l|r|c|f|copypaste)|@\d+)?',
    r'((bbox|segm)_)?AR(_?[sml])?@\d+',
    r'Recall@\d+',
)
_LESS = (r'loss',)


def known_rule(name: str) -> Rule | None:
    """Rule of a metric of this package or of OpenMMLab's; ``None`` if it is unknown.

    Args:
        name: such as ``'accuracy/ece'``; its prefix is ignored.
    """
    rule = metric_rule(name)
    if rule is not None:
        return rule
    last = name.rpartition('/')[2]
    if any(re.fullmatch(pattern, last) for pattern in _GREATER):
        return 'greater'
    return 'less' if any(re.fullmatch(pattern, last) for pattern in _LESS) else None


def require_rule(name: str, place: str) -> Rule:
    """Rule of a metric.

    Args:
        name: of the metric.
        place: setting that names it, such as ``'EarlyStoppingHook.monitor'``.

    Raises:
        ValueError: if it is unknown.
    """
    rule = known_rule(name)
    if rule is None:
        part = place.rpartition('.')[0]
        raise ValueError(
            f'{place}={name!r}: it is not known whether larger or smaller values of '
            f"this metric are better. Write rule='greater' or rule='less' in {part}."
        )
    return rule


@dataclass(frozen=True)
class Monitor:
    """A part of a config that compares a metric between validations.

    Attributes:
        kind: MMEngine's class of the part.
        settings: config of the part.
        key: setting that names the metrics, ``'save_best'`` or ``'monitor'``.
        place: name of that setting in messages.
    """

    kind: type
    settings: dict[str, Any]
    key: str
    place: str

    @property
    def names(self) -> list[str]:
        """Names of the metrics; ``'auto'`` is not one."""
        given = self.settings.get(self.key) or []
        return [
            n
            for n in ([given] if isinstance(given, str) else given)
            if n != FIRST_METRIC
        ]

    @property
    def rules(self) -> dict[str, Rule]:
        """Rule of each metric by its name; empty if the config has none."""
        given = self.settings.get('rule')
        if given is None:
            return {}
        rules: list[Any] = [given] if isinstance(given, str) else list(given)
        if len(rules) == 1:
            rules *= len(self.names)
        return dict(zip(self.names, rules, strict=False))  # MMEngine checks the number


def monitors(cfg: Config) -> Iterator[Monitor]:
    """Parts of a config that monitor metrics: two kinds of hooks, and a scheduler."""
    scope = cfg.get('default_scope')
    default = (cfg.get('default_hooks') or {}).items()
    hooks = [(f'default_hooks.{name}', hook) for name, hook in default]
    for index, hook in enumerate(cfg.get('custom_hooks') or []):
        hooks.append((f'custom_hooks.{index}', hook))
    for place, hook in hooks:
        if not isinstance(hook, dict):
            continue
        kind = hook.get('type')
        if is_subclass(kind, CheckpointHook, HOOKS, scope):
            yield Monitor(CheckpointHook, hook, 'save_best', f'{place}.save_best')
        elif is_subclass(kind, EarlyStoppingHook, HOOKS, scope):
            yield Monitor(EarlyStoppingHook, hook, 'monitor', f'{place}.monitor')
    for place, part in _schedulers(cfg.get('param_scheduler'), 'param_scheduler'):
        plateau = ReduceOnPlateauParamScheduler
        if is_subclass(part.get('type'), plateau, PARAM_SCHEDULERS, scope):
            yield Monitor(plateau, part, 'monitor', f'{place}.monitor')


def _schedulers(part: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Configs of schedulers: one, a list, or such by the names of optimizers."""
    if isinstance(part, list | tuple):
        for index, one in enumerate(part):
            yield from _schedulers(one, f'{place}.{index}')
    elif isinstance(part, dict) and 'type' in part:
        yield place, part
    elif isinstance(part, dict):
        for name, one in part.items():
            yield from _schedulers(one, f'{place}.{name}')


def set_metric_rules(cfg: Config, prefix: str = '') -> None:
    """Write the rule of each monitored metric into a config that does not state it.

    ``save_best='auto'`` is left to :class:`mmgala.engine.MetricRulesHook`, as its
    metric is only known after the first validation.

    Args:
        cfg: config of a training, modified in place.
        prefix: of its settings in messages, such as ``'stage1.'``.

    Raises:
        ValueError: if a metric is unknown and the config does not state its rule.
    """
    for monitor in monitors(cfg):
        if monitor.settings.get('rule') is not None or not monitor.names:
            continue
        rules = [require_rule(n, f'{prefix}{monitor.place}') for n in monitor.names]
        several = not isinstance(monitor.settings[monitor.key], str)
        monitor.settings['rule'] = rules if several else rules[0]
