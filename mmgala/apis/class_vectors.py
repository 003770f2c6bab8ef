"""Class weight vectors of a model: search and comparison with features."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from rich.console import Console
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmgala.analysis import FeatureSums, describe_class_vectors, describe_classes
from mmgala.apis.data_splits import build_whole_split
from mmgala.apis.models import load_model
from mmgala.console.consoles import tracked
from mmgala.evaluation.score_dump import stack_targets
from mmgala.evaluation.shot_thresholds import resolve_thresholds
from mmgala.functional import ShotThresholds
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_fit import unwrap_model
from mmgala.utils.checkpoint_meta import stored_class_counts, stored_class_names
from mmgala.utils.safe_loading import only_plain_data

REMEDY = 'name the layer with --layer'


def find_class_layer(
    model: nn.Module, name: str | None = None
) -> tuple[str, nn.Linear]:
    """Find the linear layer whose weight has one row per class.

    Args:
        model: classifier, possibly inside a model wrapper.
        name: module name of the layer. Defaults to the linear layer in ``model.head``
            with one output per class.

    Returns:
        Name of the layer, and the layer.

    Raises:
        ValueError: if the layer does not exist, is not linear, has several vectors per
            class, or is ambiguous.
    """
    model = unwrap_model(model)
    linear = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    if name is None:
        name = _only_candidate(model, linear)
    elif name not in linear:
        what = (
            'is not linear' if name in dict(model.named_modules()) else 'does not exist'
        )
        raise ValueError(f'Layer {name} {what}; {_listed(linear)}.')
    layer = linear[name]
    if len(layer.weight) != layer.out_features:  # ArcFaceClsHead with sub-centers
        raise ValueError(
            f'Layer {name} has {len(layer.weight)} vectors for {layer.out_features} '
            'classes; expected one per class (num_subcenters=1).'
        )
    return name, layer


def _only_candidate(model: nn.Module, linear: dict[str, nn.Linear]) -> str:
    num_classes = getattr(getattr(model, 'head', None), 'num_classes', None)
    fitting = {
        name: layer
        for name, layer in linear.items()
        if name.startswith('head.') and layer.out_features == num_classes
    }
    if not fitting:
        raise ValueError(
            'Expected a model with a head whose last layer is linear and has an output '
            f'per class, but found none: {REMEDY}; {_listed(linear)}.'
        )
    if len(fitting) > 1:
        raise ValueError(
            f'Expected one linear layer with {num_classes} outputs in the head, but '
            f'there are {len(fitting)}, {", ".join(fitting)}: {REMEDY}.'
        )
    return next(iter(fitting))


def _listed(linear: dict[str, nn.Linear]) -> str:
    """Text that lists the last linear layers."""
    found = [f'{n} ({m.out_features} outputs)' for n, m in list(linear.items())[-5:]]
    return f'linear layers are {", ".join(found)}' if found else 'no layer is linear'


@contextlib.contextmanager
def inputs_of(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the inputs of a layer in a ``with`` block, one tensor per call."""
    collected: list[Tensor] = []

    def collect(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        collected.append(inputs[0].detach())

    handle = layer.register_forward_pre_hook(collect)
    try:
        yield collected
    finally:
        handle.remove()


@only_plain_data()
def measure_class_vectors(
    cfg: Config,
    checkpoint_path: Path,
    split: str = 'test',
    layer_name: str | None = None,
    thresholds: ShotThresholds | None = None,
    console: Console | None = None,
) -> dict:
    """Compare the class weight vectors of a model with its features on a data split.

    Args:
        cfg: config of the training.
        checkpoint_path: path of the trained checkpoint.
        split: ``'train'``, ``'val'`` or ``'test'``. Training images are not augmented.
        layer_name: module name of the linear layer with the class weight vectors.
            Defaults to the one in ``model.head`` with one output per class.
        thresholds: shot thresholds. Defaults to those of the config or, without them,
            of the checkpoint.
        console: console for the progress bar; None for no progress bar.

    Returns:
        The result of :func:`mmgala.analysis.describe_class_vectors`, with ``split``,
        ``layer``, ``classes`` and ``limits``.

    Raises:
        FileNotFoundError: if the checkpoint does not exist.
        ValueError: if the layer, labels or class counts are missing, or the checkpoint
            does not match the config.
    """
    checkpoint = read_checkpoint(checkpoint_path)
    loader = build_whole_split(cfg, split, stored_class_names(checkpoint))
    model = load_model(cfg, checkpoint, checkpoint_path)
    name, layer = find_class_layer(model, layer_name)
    counts = _training_counts(checkpoint, loader, layer.out_features, checkpoint_path)
    names = (getattr(loader.dataset, 'metainfo', None) or {}).get('classes') or ()
    sums = _sum_features(model, layer, loader, console or Console(quiet=True))
    thresholds = thresholds or resolve_thresholds(cfg, checkpoint) or ShotThresholds()
    return {
        'split': split,
        'layer': name,
        **describe_class_vectors(sums, layer.weight, layer.bias, counts, thresholds),
        'classes': describe_classes(
            counts, names if len(names) == len(counts) else None, thresholds
        ),
        'limits': asdict(thresholds),
    }


def _training_counts(
    checkpoint: dict, loader: DataLoader, num_classes: int, path: Path
) -> Sequence[int]:
    """Training samples of each class, from the checkpoint or else the data set."""
    metainfo = getattr(loader.dataset, 'metainfo', None) or {}
    counts = stored_class_counts(checkpoint) or metainfo.get('class_counts')
    if counts is None:
        raise ValueError(
            f'{path} has no class counts of the training set: train with '
            "custom_hooks=[dict(type='mmgala.ClassCountsHook')], or wrap the training "
            'set with mmgala.LongTailedDataset.'
        )
    if len(counts) != num_classes:
        raise ValueError(
            f'The training set has {len(counts)} classes, but the layer has '
            f'{num_classes} class weight vectors: choose another layer with --layer.'
        )
    return list(counts)


@torch.no_grad()
def _sum_features(
    model: BaseModel, layer: nn.Linear, loader: DataLoader, console: Console
) -> FeatureSums:
    """Predict the whole data set, and sum the inputs of the layer."""
    sums = FeatureSums(layer.out_features)
    with inputs_of(layer) as features:
        for data in tracked(loader, 'Features', total=len(loader), console=console):
            samples = model.test_step(data)
            labels = stack_targets([sample.to_dict() for sample in samples])
            if len(features) != 1:
                raise ValueError(
                    f'Expected the layer to be used once per batch, but it was '
                    f'used {len(features)} times: choose another layer with --layer.'
                )
            sums.add(features.pop(), labels)
    return sums
