"""Which network to train, and where its pretrained weights are."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch.hub
from mmengine.registry import init_default_scope
from mmpretrain.apis.model import ModelHub, list_models

from mmgala.models.heads import is_linear_head
from mmgala.registry import MODELS, find_class
from mmgala.utils.checkpoint import read_checkpoint

SMALL = 'small'
# Short names of models with ImageNet weights in MMPretrain, and of torchvision's files.
ALIASES = {
    'resnet18': 'resnet18_8xb32_in1k',
    'resnet34': 'resnet34_8xb32_in1k',
    'resnet50': 'resnet50_8xb32_in1k',
    'resnet101': 'resnet101_8xb32_in1k',
    'mobilenet-v2': 'mobilenet-v2_8xb32_in1k',
    'convnext-tiny': 'convnext-tiny_32xb128_in1k',
    'swin-tiny': 'swin-tiny_16xb64_in1k',
}
TIMEOUT = 5  # seconds until a server counts as out of reach
IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


@dataclass(frozen=True)
class Backbone:
    """A network without its classifier, and the weights to start from.

    Attributes:
        name: as the user writes it.
        backbone: config of the backbone, without ``init_cfg``.
        neck: config of the neck, or ``None``.
        channels: number of features.
        weights: path or address of pretrained weights; empty to train from scratch.
        prefix: of the backbone's weights in that file; empty if they have none.
        fixed_size: side of the images that it needs; 0 if any size will do.
        reason: why these weights, or why none, in one line.
    """

    name: str
    backbone: Mapping[str, Any]
    neck: Mapping[str, Any] | None
    channels: int
    weights: str = ''
    prefix: str = ''
    fixed_size: int = 0
    reason: str = ''


def small_network(reason: str) -> Backbone:
    """The network that is trained from scratch: 0.7 million parameters."""
    network = dict(
        type='ResNet_CIFAR',
        depth=18,
        num_stages=4,
        stem_channels=16,
        base_channels=16,
        strides=(2, 2, 2, 2),
        dilations=(1, 1, 1, 1),
        out_indices=(3,),
    )
    neck = dict(type='GlobalAveragePooling')
    return Backbone(SMALL, network, neck, 128, reason=reason)


def choose_backbone(name: str | None, pretrained: str | None, on_gpu: bool) -> Backbone:
    """The network to train, by what the user asks for and what is available.

    Without a wish, this is ResNet-50 on a GPU and ResNet-18 on a CPU if pretrained
    weights are on this computer or can be downloaded, and otherwise the small network.

    Args:
        name: a short name, or that of a model in MMPretrain; ``None`` to choose.
        pretrained: file with weights, ``'none'``, or ``None`` for those of ImageNet.
        on_gpu: whether the training runs on a GPU.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the name is unknown, or the weights do not fit.
    """
    if name == SMALL and pretrained in (None, 'none'):
        return small_network('as --backbone small says')
    if name is None and pretrained == 'none':
        return small_network('as --pretrained none says')
    if name == SMALL:
        raise ValueError(
            f'--pretrained {pretrained} does not fit --backbone small, which has no '
            'published weights: choose another --backbone.'
        )
    wanted = name or ('resnet50' if on_gpu else 'resnet18')
    found, address = from_mmpretrain(wanted)
    if pretrained == 'none':
        return with_weights(found, '', 'as --pretrained none says')
    if pretrained is not None:
        return with_file(found, Path(pretrained).expanduser().absolute(), 'your file')
    if (local := _on_this_computer(wanted, address)) is not None:
        return with_file(found, local, 'ImageNet, on this computer')
    problem = unreachable(address) if address else 'MMPretrain has none'
    if not problem:
        return with_weights(found, address, 'ImageNet, to be downloaded', 'backbone.')
    where = Path(torch.hub.get_dir(), 'checkpoints')
    reason = (
        f'no pretrained weights: none in {where}, and no download ({problem}); '
        '--pretrained FILE names some'
    )
    return small_network(reason) if name is None else with_weights(found, '', reason)


def with_weights(
    found: Backbone, weights: str, reason: str, prefix: str = ''
) -> Backbone:
    """A backbone that starts from weights; empty weights are none."""
    return replace(found, weights=weights, reason=reason, prefix=prefix)


def from_mmpretrain(name: str) -> tuple[Backbone, str]:
    """A backbone of MMPretrain without weights, and their address; may be empty.

    Raises:
        ValueError: if the name is unknown, or the model has no linear classifier.
    """
    full = ALIASES.get(name, name)
    known = list_models(task='Image Classification')
    if full not in known:
        near = get_close_matches(name, [SMALL, *ALIASES, *known], n=1)
        hint = f'did you mean {near[0]}? ' if near else ''
        short = ', '.join(ALIASES)
        raise ValueError(
            f'--backbone {name} is unknown: {hint}Choose {SMALL}, {short}, or the name '
            'of an image classification model of MMPretrain.'
        )
    entry = ModelHub.get(full)
    model = entry.config.model
    init_default_scope('mmpretrain')
    head = model.get('head') or {}
    kind = find_class(head.get('type'), MODELS)
    if kind is None or not is_linear_head(kind) or 'in_channels' not in head:
        raise ValueError(
            f'--backbone {name}: its classifier is {head.get("type")}, not one linear '
            f'layer, so its loss cannot be exchanged: choose {", ".join(ALIASES)}.'
        )
    backbone = {k: v for k, v in model.backbone.to_dict().items() if k != 'init_cfg'}
    neck = model.get('neck')
    return (
        Backbone(
            name,
            backbone,
            None if neck is None else neck.to_dict(),
            head['in_channels'],
            fixed_size=_fixed_size(backbone),
        ),
        entry.weights or '',
    )


def _fixed_size(backbone: Mapping[str, Any]) -> int:
    """Side of the images, for networks that have been built for one size."""
    size = backbone.get('img_size', 0)
    if not size and 'Transformer' in str(backbone['type']):
        size = 224
    return max(size) if isinstance(size, (tuple, list)) else size


def _on_this_computer(name: str, address: str) -> Path | None:
    """Weights in PyTorch's cache: those of MMPretrain, or of torchvision."""
    folder = Path(torch.hub.get_dir(), 'checkpoints')
    if address and (path := folder / Path(urlparse(address).path).name).is_file():
        return path
    if not name.startswith('resnet'):
        return None
    return next(iter(sorted(folder.glob(f'{name}-' + '[0-9a-f]' * 8 + '.pth'))), None)


def unreachable(address: str) -> str:
    """Why an address cannot be downloaded from; empty if it can."""
    request = urllib.request.Request(address, method='HEAD')
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):
            return ''
    except urllib.error.HTTPError as error:
        return f'the server answers {error.code}'
    except (OSError, ValueError) as error:
        reason = getattr(error, 'reason', error)
        text = getattr(reason, 'strerror', None) or str(reason)
        host = urlparse(address).hostname
        return f'{host}: {text}'


def with_file(found: Backbone, path: Path, reason: str) -> Backbone:
    """A backbone that starts from the weights in a file, after a comparison of names.

    The file may be a checkpoint of a whole model (``backbone.conv1.weight``) or of a
    backbone alone (``conv1.weight``, as in torchvision).

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if weights are missing in it, or have other shapes.
    """
    stored = read_checkpoint(path)
    stored = stored.get('state_dict', stored)
    keys = {str(key).removeprefix('module.') for key in stored}
    prefix = 'backbone.' if any(key.startswith('backbone.') for key in keys) else ''
    init_default_scope('mmpretrain')
    expected = MODELS.build(dict(found.backbone)).state_dict()
    for key, value in expected.items():
        if key.endswith('.num_batches_tracked'):
            continue
        given = stored.get(prefix + key, stored.get(f'module.{prefix}{key}'))
        if given is None or given.shape != value.shape:
            what = 'is missing' if given is None else f'has shape {tuple(given.shape)}'
            raise ValueError(
                f'{path} does not fit --backbone {found.name}: {prefix}{key} {what}, '
                f'but should have shape {tuple(value.shape)}. Name the --backbone that '
                'the weights are of.'
            )
    return with_weights(found, str(path), reason, prefix)
