"""Shot thresholds in configs, checkpoints and data sets, and their precedence.

A config states them as ``many`` and ``few`` of a metric or a hook. From there they
travel with the class counts, as ``{'many': 100, 'few': 20}`` under the key
``'shot_thresholds'``, in the metadata of checkpoints and data sets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import HOOKS, METRICS, Registry

from mmgala.functional.longtail import ShotThresholds
from mmgala.registry import find_class

THRESHOLDS_KEY = 'shot_thresholds'


def read_thresholds(meta: Mapping[str, Any] | None) -> ShotThresholds | None:
    """Thresholds in the metadata of a data set or checkpoint; ``None`` if absent."""
    found = (meta or {}).get(THRESHOLDS_KEY)
    return None if found is None else ShotThresholds(**found)


def thresholds_meta(thresholds: ShotThresholds) -> dict[str, dict[str, int]]:
    """Metadata, as plain data, from which :func:`read_thresholds` reads them."""
    return {THRESHOLDS_KEY: asdict(thresholds)}


def checkpoint_thresholds(checkpoint: Mapping[str, Any]) -> ShotThresholds | None:
    """Thresholds stored in a checkpoint; ``None`` if it is an old one without them."""
    meta = checkpoint.get('meta') or {}
    return read_thresholds(meta) or read_thresholds(meta.get('dataset_meta'))


def stated_thresholds(parts: Iterable[Any]) -> ShotThresholds | None:
    """Thresholds that metrics and hooks state by the attribute ``shot_thresholds``.

    Args:
        parts: metrics and hooks; those without the attribute are ignored.

    Raises:
        ValueError: if two of them contradict each other.
    """
    found: dict[ShotThresholds, str] = {}
    for part in parts:
        thresholds = getattr(part, THRESHOLDS_KEY, None)
        if thresholds is not None:
            found.setdefault(thresholds, type(part).__name__)
    if len(found) > 1:
        statements = ' and '.join(f'{name} {said}' for said, name in found.items())
        raise ValueError(
            'The config contradicts itself on the shot thresholds: '
            f'{statements}. Set `many` and `few` once, or to the same values.'
        )
    return next(iter(found), None)


def config_thresholds(cfg: Config) -> ShotThresholds | None:
    """Thresholds that the metrics and hooks of a config state; ``None`` if none do.

    Only classes with an attribute ``shot_thresholds`` are built, such as
    :class:`mmgala.evaluation.LongTailedAccuracy` and its subclasses.

    Raises:
        ValueError: if two of them contradict each other.
    """
    hooks = [_built(HOOKS, hook) for hook in cfg.get('custom_hooks') or []]
    evaluators = (cfg.get('val_evaluator'), cfg.get('test_evaluator'))
    metrics = [metric for one in evaluators for metric in metrics_with_thresholds(one)]
    return stated_thresholds([*metrics, *hooks])


def resolve_thresholds(
    cfg: Config, checkpoint: Mapping[str, Any]
) -> ShotThresholds | None:
    """Thresholds that a config states, or else those stored in the checkpoint.

    Raises:
        ValueError: if the config contradicts itself.
    """
    return prefer_config(config_thresholds(cfg), checkpoint_thresholds(checkpoint))


def prefer_config(
    config: ShotThresholds | None, checkpoint: ShotThresholds | None
) -> ShotThresholds | None:
    """The config's thresholds, or else the checkpoint's; logs a difference."""
    if config is not None and checkpoint is not None and config != checkpoint:
        print_log(
            f'Shot thresholds: {config}, as the config states; the checkpoint was '
            f'trained with {checkpoint}.',
            logger='current',
        )
    return config or checkpoint


def metrics_with_thresholds(evaluator: Any) -> list[Any]:
    """Build those metrics in an evaluator's config that can state shot thresholds."""
    built = [_built(METRICS, metric) for metric in metric_configs(evaluator)]
    return [metric for metric in built if metric is not None]


def metric_configs(evaluator: Any) -> list[Any]:
    """Configs of the metrics of an evaluator, in any form that MMEngine accepts."""
    if evaluator is None:
        return []
    if isinstance(evaluator, Mapping):
        return (
            metric_configs(evaluator['metrics'])
            if 'metrics' in evaluator
            else [evaluator]
        )
    return list(evaluator)


def _built(registry: Registry, part: Any) -> Any:
    """A metric or hook, built if it can state thresholds."""
    if not isinstance(part, Mapping):
        return part
    kind = find_class(part['type'], registry) if 'type' in part else None
    if kind is None or not hasattr(kind, THRESHOLDS_KEY):
        return None
    return kind(**{key: value for key, value in part.items() if key != 'type'})
