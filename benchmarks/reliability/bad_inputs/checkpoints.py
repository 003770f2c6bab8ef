"""Checkpoints that PyTorch reads, with a content that is none of a training."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.reliability.bad_inputs.case import BadInput

NAN = float('nan')
FC = 'head.fc.weight'


def _weights(checkpoint: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**checkpoint, 'state_dict': {**checkpoint['state_dict'], **changes}}


def _meta(checkpoint: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**checkpoint, 'meta': {**checkpoint['meta'], **changes}}


def _without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


Change = Callable[[dict[str, Any]], Any]

# Read by every tool that takes a checkpoint: name, change, word of the line.
WEIGHTS: dict[str, tuple[Change, str]] = {
    'a list': (lambda c: [1, 2], 'state'),
    'a number': (lambda c: 3, 'state'),
    'a tensor': (lambda c: torch.ones(3), 'state'),
    'an empty dict': (lambda c: {}, 'checkpoint'),
    'state dict None': (lambda c: {**c, 'state_dict': None}, 'state'),
    'state dict a list': (lambda c: {**c, 'state_dict': [1]}, 'state'),
    'state dict empty': (lambda c: {**c, 'state_dict': {}}, 'parameters'),
    'strings as weights': (
        lambda c: {**c, 'state_dict': dict.fromkeys(c['state_dict'], 'x')},
        'backbone',
    ),
    'numbers as keys': (
        lambda c: {**c, 'state_dict': dict(enumerate(c['state_dict'].values()))},
        '0',
    ),
    'a list as weight': (lambda c: _weights(c, **{FC: [1.0, 2.0]}), FC),
    'other shape': (lambda c: _weights(c, **{FC: torch.ones(7, 32)}), FC),
    'NaN in weights': (
        lambda c: _weights(c, **{FC: c['state_dict'][FC] * NAN}), FC,
    ),
    'infinity in weights': (
        lambda c: _weights(c, **{FC: c['state_dict'][FC] * float('inf')}), FC,
    ),
    'complex weights': (
        lambda c: _weights(c, **{FC: c['state_dict'][FC].to(torch.complex64)}), FC,
    ),
    'a weight missing': (
        lambda c: {**c, 'state_dict': _without(c['state_dict'], FC)}, FC,
    ),
    'only the optimizer': (lambda c: _without(c, 'state_dict'), 'weights.pth'),
    'meta a string': (lambda c: {**c, 'meta': 'x'}, 'meta'),
    'meta a list': (lambda c: {**c, 'meta': [1]}, 'meta'),
    'data set meta a list': (lambda c: _meta(c, dataset_meta=[1]), 'dataset_meta'),
    'class counts a dict': (lambda c: _meta(c, class_counts={'a': 1}), 'class_counts'),
    'class counts a string': (lambda c: _meta(c, class_counts='x'), 'class_counts'),
    'class counts NaN': (lambda c: _meta(c, class_counts=[NAN] * 10), 'class_counts'),
    'class counts negative': (lambda c: _meta(c, class_counts=[-1] * 10),
                              'class_counts'),
    'class counts of strings': (lambda c: _meta(c, class_counts=['1'] * 10),
                                'class_counts'),
    'thresholds a list': (lambda c: _meta(c, shot_thresholds=[1, 2]), 'threshold'),
    'thresholds in disorder': (
        lambda c: _meta(c, shot_thresholds=dict(many=1, few=9)), 'few',
    ),
}  # fmt: skip

# Read by tools/train.py --resume only.
TRAINING: dict[str, tuple[Change, str]] = {
    'no meta': (lambda c: _without(c, 'meta'), 'meta'),
    'no epoch': (lambda c: {**c, 'meta': _without(c['meta'], 'epoch')}, 'epoch'),
    'epoch 1e9': (lambda c: _meta(c, epoch=10**9), '1000000000'),
    'epoch negative': (lambda c: _meta(c, epoch=-5), '-5'),
    'epoch a string': (lambda c: _meta(c, epoch='x'), 'epoch'),
    'epoch NaN': (lambda c: _meta(c, epoch=NAN), 'epoch'),
    'iteration a string': (lambda c: _meta(c, iter='x'), 'iter'),
    'no optimizer': (lambda c: _without(c, 'optimizer'), 'optimizer'),
    'optimizer a string': (lambda c: {**c, 'optimizer': 'x'}, 'optimizer'),
    'optimizer empty': (lambda c: {**c, 'optimizer': {}}, 'optimizer'),
    'optimizer of another model': (
        lambda c: {**c, 'optimizer': {'state': {}, 'param_groups': [{'params': [0]}]}},
        'optimizer',
    ),
    'message hub a string': (lambda c: {**c, 'message_hub': 'x'}, 'message_hub'),
    'message hub empty': (lambda c: {**c, 'message_hub': {}}, 'message_hub'),
    'schedulers a string': (
        lambda c: {**c, 'param_schedulers': 'x'}, 'param_schedulers',
    ),
    'seed a string': (lambda c: _meta(c, seed='x'), 'seed'),
    'sampler a string': (lambda c: _meta(c, train_sampler='x'), 'train_sampler'),
    'gradient sums a string': (
        lambda c: {**c, 'gradient_statistics': 'x'}, 'gradient_statistics',
    ),
    'theta NaN': (
        lambda c: _weights(
            c, **{'head.loss_module.pos_grad': torch.full((10,), NAN)}
        ),
        'pos_grad',
    ),
    'theta negative': (
        lambda c: _weights(
            c, **{'head.loss_module.pos_grad': torch.full((10,), -1.0)}
        ),
        'pos_grad',
    ),
}  # fmt: skip

READERS: dict[str, tuple[str, ...]] = {
    'test': ('--logit-adjustment', '1'),
    'fit': ('--logit-adjustment', '1'),
    'retrain': (),
    'vectors': (),
    'train': ('--resume', 'weights.pth', '--cfg-options', 'train_cfg.max_epochs=2'),
}


def spoiled(change: Change) -> Callable[[Path], None]:
    """A function that changes the content of ``weights.pth``."""

    def spoil(folder: Path) -> None:
        path = folder / 'weights.pth'
        # Written by the campaign itself.
        content = torch.load(path, map_location='cpu', weights_only=False)
        torch.save(change(content), path)

    return spoil


def checkpoints() -> Iterator[BadInput]:
    """Yield each spoiled checkpoint, for the tools that read the spoiled part."""
    for name, (change, word) in WEIGHTS.items():
        for tool, arguments in READERS.items():
            yield BadInput(
                'checkpoints', name, tool, arguments, (word,), spoiled(change)
            )
    for name, (change, word) in TRAINING.items():
        arguments = READERS['train']
        yield BadInput(
            'checkpoints', name, 'train', arguments, (word,), spoiled(change)
        )
