"""Re-train or adjust the classifier of a finished training."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mmgala.apis.class_vectors import find_class_layer
from mmgala.apis.data_splits import (
    VALIDATES_ON_TEST_WARNING,
    split_dataloader,
    validates_on_test,
)
from mmgala.apis.models import check_output_path, load_model, save_model
from mmgala.console.consoles import result_on, warn_on
from mmgala.datasets.labels import class_names
from mmgala.evaluation import LongTailedAccuracy
from mmgala.evaluation.shot_thresholds import (
    config_thresholds,
    metrics_with_thresholds,
    resolve_thresholds,
    thresholds_meta,
)
from mmgala.functional import (
    METRIC_NAMES,
    SHOT_GROUPS,
    ShotThresholds,
    metrics_of_outcomes,
    sample_outcomes,
)
from mmgala.functional.metrics import SampleOutcomes
from mmgala.functional.prior_check import contradicted_prior, prior_warning
from mmgala.models.heads.normalised_heads import ClassMeanLinear
from mmgala.retraining.closed_form import feature_chunks
from mmgala.retraining.counting import count_training_set
from mmgala.retraining.features import FeatureSource, SplitFeatures
from mmgala.retraining.methods import (
    METHOD_FUNCTIONS,
    Classifier,
    RetrainingContext,
    logits_of,
    target_prior,
)
from mmgala.retraining.options import (
    TRAINED_METHODS,
    RetrainOptions,
    corrects_for_counts,
)
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_meta import counts_meta, stored_class_names
from mmgala.utils.files import file_digest
from mmgala.utils.safe_loading import only_plain_data

_OF_TRAINING = (
    'If the data to predict are alike, use --sampling instance and a loss that does '
    'not correct for the class counts, or correct the result with '
    'mmgala fit --target-prior val'
)
REMEDIES = {
    'crt': _OF_TRAINING,
    'lws': _OF_TRAINING,
    'tau-norm': 'If the data to predict are alike, use --target-prior val',
    'ncm': 'If the data to predict are alike, use another method',
}


def validation_metrics(
    cfg: Config,
    split: SplitFeatures,
    weight: Tensor,
    bias: Tensor | None,
    class_counts: Sequence[int] | None,
    logits_of: Callable[[Tensor, Tensor, Tensor | None], Tensor] = F.linear,
    thresholds: ShotThresholds | None = None,
) -> dict[str, float]:
    """Metrics of a classifier on the validation set, in percent.

    Args:
        cfg: config; its validation metric, if it is a :class:`LongTailedAccuracy`,
            sets the top-k accuracies and the number of bins.
        split: the validation set.
        weight: ``(C, D)``.
        bias: ``(C,)``, or ``None``.
        class_counts: class counts of the training set, if known.
        logits_of: logits from features, weight and bias. Defaults to those of a linear
            layer.
        thresholds: shot thresholds. Defaults to those that the config states.
    """
    metric = _metric(cfg)
    labels = torch.from_numpy(split.labels)
    parts = [
        sample_outcomes(logits_of(rows, weight, bias).softmax(dim=1), labels[part])
        for part, rows in feature_chunks(split.features, len(weight))
    ]
    return metrics_of_outcomes(
        SampleOutcomes(*map(torch.cat, zip(*parts, strict=True))),
        len(weight),
        class_counts,
        topk=metric.topk,
        thresholds=thresholds or config_thresholds(cfg),
        num_bins=metric.num_bins,
    )


def _metric(cfg: Config) -> LongTailedAccuracy:
    """The ``LongTailedAccuracy`` of the config's validation, or a default one."""
    metrics = metrics_with_thresholds(cfg.get('val_evaluator'))
    own = (metric for metric in metrics if isinstance(metric, LongTailedAccuracy))
    return next(own, LongTailedAccuracy())


def validation_table(before: dict[str, float], after: dict[str, float]) -> Table:
    """Metrics before and after, in percent."""
    names = [name for name in METRIC_NAMES if name in after or name in SHOT_GROUPS]
    table = Table('validation, %', *(METRIC_NAMES[name] for name in names))
    for title, metrics in (('before', before), ('after', after)):
        cells = (f'{metrics[n]:.2f}' if n in metrics else '-' for n in names)
        table.add_row(title, *cells)
    return table


def replace_layer(
    state: dict[str, Tensor], layer_name: str, values: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Replace the class layer in a state dict.

    Args:
        state: state dict of a checkpoint; names may begin with ``module.``.
        layer_name: name of the class layer.
        values: state dict of the new layer, including ``weight`` ``(C, D)``.
    """
    state = {name.removeprefix('module.'): value for name, value in state.items()}
    dtype = state[f'{layer_name}.weight'].dtype
    return {**state, **{f'{layer_name}.{k}': v.to(dtype) for k, v in values.items()}}


def replace_loss(
    state: dict[str, Tensor], loss_name: str, loss_state: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Replace the buffers of the loss in a state dict.

    Args:
        state: state dict of a model.
        loss_name: name of the loss in the model.
        loss_state: state dict of the new loss.
    """
    prefix = f'{loss_name}.'
    kept = {k: v for k, v in state.items() if not k.startswith(prefix)}
    return {**kept, **{prefix + k: v.cpu() for k, v in loss_state.items()}}


@only_plain_data()
def retrain_classifier(
    cfg: Config,
    checkpoint_path: str | Path,
    out: str | Path,
    method: str,
    options: RetrainOptions | None = None,
    features: str | Path | None = None,
    layer: str | None = None,
    console: Console | None = None,
) -> Path:
    """Adjust or re-train the classifier of a finished training, on cached features.

    The rest of the model does not change, and its features are computed only once for
    all methods: without augmentation, unlike in a second stage of training. The test
    set is never used.

    * ``'crt'``: a new layer of the same kind, linear or cosine, see
      :func:`train_classifier`; or further training of the old layer;
    * ``'lws'``: a factor on each class's logits, see :func:`learn_weight_scale`;
    * ``'tau-norm'``: class weight vectors of similar norms, see :func:`tau_normalize`;
    * ``'ncm'``: nearest class mean, see :func:`nearest_class_mean`.

    A loss that depends on class counts gets the samples of an epoch of the training
    set, whatever the sampling; the metrics get its distinct images.

    Args:
        cfg: config that the checkpoint was trained with.
        checkpoint_path: checkpoint of the trained model.
        out: checkpoint to write, ``OUT.pth``; ``OUT.py`` becomes its config. Its
            ``meta['retrained']`` holds the method, its settings, and the validation
            metrics before and after.
        method: one of the above.
        options: see :class:`RetrainOptions`. Defaults to those of the paper.
        features: folder of the feature cache. Defaults to ``features`` beside ``out``.
        layer: name of the class layer. Defaults to the linear layer of the head.
        console: prints progress and metrics. By default, nothing is printed.

    Returns:
        ``out``.

    Raises:
        FileNotFoundError: if the checkpoint does not exist.
        OSError: if there is no space on the disk.
        TypeError: if the labels of the training set cannot be read.
        ValueError: if method, options, config, checkpoint and data are inconsistent.
    """
    out, options = Path(out), options or RetrainOptions()
    console = console or Console(quiet=True)
    options.check(method)
    check_output_path(out, checkpoint_path, cfg.filename)
    if method != 'tau-norm':
        split_dataloader(cfg, 'train')
    elif options.tau is None and cfg.get('val_dataloader') is None:
        raise ValueError(
            'The config has no val_dataloader to choose tau on: give --tau a number.'
        )
    checkpoint = read_checkpoint(checkpoint_path)
    model = load_model(cfg, checkpoint, checkpoint_path)
    name, linear = find_class_layer(model, layer)
    source = FeatureSource(
        cfg,
        model,
        name,
        linear,
        file_digest(checkpoint_path),
        stored_class_names(checkpoint),
    )
    folder = Path(features) if features is not None else out.parent / 'features'
    context = RetrainingContext(source, options, folder, console)
    _check_layer(context, method)
    thresholds = resolve_thresholds(cfg, checkpoint) or ShotThresholds()
    count_training_set(context, checkpoint, method, thresholds)
    new = METHOD_FUNCTIONS[method](context)
    record = dict(method=method, **new.chosen)
    metrics = _compare(context, new, thresholds)
    if metrics is not None:
        record['validation'] = metrics
    _write(context, checkpoint, new, record, thresholds, out)
    if metrics is not None and (warning := _contradicted_aim(context, method, new)):
        warn_on(console, warning)
    return out


def _check_layer(context: RetrainingContext, method: str) -> None:
    """Check that the method supports the class layer of the model."""
    name = context.source.layer_name
    if isinstance(context.source.layer, ClassMeanLinear):
        raise ValueError(
            f'{name} holds the class means of an earlier ncm: use the config and '
            'checkpoint from before it.'
        )
    if context.is_cosine and method != 'crt':
        raise ValueError(
            f'{method} changes lengths, factors or biases of class weight vectors, and '
            f'{name} computes cosines, on which these have no effect: use crt.'
        )


def _compare(
    context: RetrainingContext, new: Classifier, thresholds: ShotThresholds
) -> dict[str, dict[str, float]] | None:
    """Validation metrics before and after; ``None`` without a validation set."""
    cfg = context.source.cfg
    if cfg.get('val_dataloader') is None:
        context.console.print(
            'No validation metrics: the config has no val_dataloader.'
        )
        return None
    if validates_on_test(cfg):
        warn_on(context.console, VALIDATES_ON_TEST_WARNING)
    split = context.split('val')
    counts: Sequence[int] | None = context.counts
    old = Classifier(context.weight, context.bias, {})
    before, after = (
        validation_metrics(
            cfg, split, each.weight, each.bias, counts,
            logits_of(each.layer or context.source.layer), thresholds,
        )
        for each in (old, new)
    )  # fmt: skip
    result_on(context.console, validation_table(before, after))
    return dict(before=before, after=after)


def _contradicted_aim(context: RetrainingContext, method: str, new: Classifier) -> str:
    """A warning that the method assumes other class shares than the validation set's.

    Class-balanced sampling, a loss that corrects for the class counts, class means, and
    the choice of tau for balanced classes all aim at balanced classes.
    """
    prior = None
    if method == 'tau-norm':
        if context.options.tau is not None:
            return ''
        prior = target_prior(context)
    elif method in TRAINED_METHODS:
        corrects = new.loss is not None and corrects_for_counts(new.loss)
        if new.chosen.get('sampling') != 'class' and not corrects:
            return ''
    support = np.bincount(context.split('val').labels, minlength=context.num_classes)
    found = contradicted_prior(support.tolist(), prior)
    if found is None:
        return ''
    names = class_names(context.loader('val').dataset)
    return prior_warning('the validation set', found, names, REMEDIES[method])


def _write(
    context: RetrainingContext,
    checkpoint: dict,
    new: Classifier,
    record: dict,
    thresholds: ShotThresholds,
    out: Path,
) -> None:
    """Write the config and checkpoint of the model with the new classifier."""
    cfg = context.source.cfg.copy()
    cfg.model.head.update(new.head)
    values = dict(new.layer.named_buffers()) if new.layer is not None else {}
    values['weight'] = new.weight
    if new.bias is not None:
        values['bias'] = new.bias
    state = replace_layer(checkpoint['state_dict'], context.source.layer_name, values)
    if new.loss is not None:
        cfg.model.head.loss = new.loss_cfg
        state = replace_loss(state, 'head.loss_module', new.loss.state_dict())
    meta = {**(checkpoint.get('meta') or {}), 'retrained': record}
    if context.counts is not None:
        meta.pop('class_draws', None)
        meta.update(counts_meta(context.counts, context.draws))
        meta.update(thresholds_meta(thresholds))
    save_model(cfg, state, meta, out)
