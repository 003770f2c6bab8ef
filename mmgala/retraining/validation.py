"""Accuracies of a classifier on cached validation features."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmengine.config import Config
from rich.table import Table
from torch import Tensor

from mmgala.evaluation import LongTailedAccuracy
from mmgala.registry import METRICS
from mmgala.retraining.feature_cache import Split
from mmgala.retraining.methods import chunks

SHOWN = dict(
    top1='top-1',
    many='many',
    medium='medium',
    few='few',
    class_mean='class mean',
    worst_class='worst class',
)


def validation_figures(
    cfg: Config,
    split: Split,
    weight: Tensor,
    bias: Tensor | None,
    class_counts: Sequence[int] | None,
    logits_of: Callable[[Tensor, Tensor, Tensor | None], Tensor] = F.linear,
) -> dict[str, float]:
    """What :class:`LongTailedAccuracy` says of a classifier, in percent.

    The limits between many, medium and few are those of the config's own metric.

    Args:
        cfg: with ``val_evaluator``.
        split: the validation set.
        weight: ``(C, D)``.
        bias: ``(C,)``, or ``None``.
        class_counts: of the training set, where known.
        logits_of: logits from features, weight and bias. Defaults to those of a linear
            layer.
    """
    metric = _metric(cfg)
    metric.dataset_meta = (
        {} if class_counts is None else dict(class_counts=class_counts)
    )
    labels = torch.from_numpy(split.labels)
    for part, rows in chunks(split.features, len(weight)):
        scores = logits_of(rows, weight, bias).softmax(dim=1)
        metric.process(
            None,
            [
                dict(pred_score=score, gt_label=label)
                for score, label in zip(scores, labels[part], strict=True)
            ],
        )
    return metric.compute_metrics(metric.results)


def _metric(cfg: Config) -> LongTailedAccuracy:
    """The config's own metric, or else a new one."""
    evaluator = cfg.get('val_evaluator') or {}
    if isinstance(evaluator, dict):
        evaluator = evaluator.get('metrics', evaluator)
    metrics = [evaluator] if isinstance(evaluator, dict) else list(evaluator)
    for metric in metrics:
        kind = metric.get('type')
        if kind is LongTailedAccuracy or str(kind).endswith('LongTailedAccuracy'):
            return METRICS.build(
                {**metric, 'type': LongTailedAccuracy, 'collect_device': 'cpu'}
            )
    return LongTailedAccuracy()


def figures_table(before: dict[str, float], after: dict[str, float]) -> Table:
    """Figures before and after, in percent."""
    names = [name for name in SHOWN if name in after]
    table = Table('validation, %', *(SHOWN[name] for name in names))
    for title, figures in (('before', before), ('after', after)):
        table.add_row(title, *(f'{figures[name]:.2f}' for name in names))
    return table
