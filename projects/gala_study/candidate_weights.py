"""Turn the checkpoint of a screened candidate into one of GALALoss with lead_memory.

    python -m projects.gala_study.candidate_weights IN.pth OUT.pth

For a ``CandidateLoss`` with counts, a label margin and a lead. Both compute the same,
so a training of 200 epochs need not be repeated to be tested as the product.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.files import replacing

LOSS = 'loss_module.'


def as_gala(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State of a model whose loss is a candidate, with the buffers of GALALoss.

    Raises:
        ValueError: if the loss has no fit.
    """
    prefix = next((k.removesuffix('recent') for k in state if _is_recent(k)), None)
    if prefix is None:
        raise ValueError('The checkpoint has no CandidateLoss with a fit.')
    found = {key: value for key, value in state.items() if not key.startswith(prefix)}
    errors, seen = state[f'{prefix}errors'], state[f'{prefix}seen']
    sums = dict(pos_grad=errors, neg_grad=errors.clone(), seen=seen)
    for name, values in sums.items():
        found[f'{prefix}{name}'] = values
        found[f'{prefix}{name}_low'] = torch.zeros_like(values)
    found[f'{prefix}recent_probability'] = 1 - state[f'{prefix}recent']
    return found


def _is_recent(key: str) -> bool:
    return key.endswith(f'{LOSS}recent') or key == 'recent'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    checkpoint = dict(read_checkpoint(args.checkpoint))
    checkpoint['state_dict'] = as_gala(checkpoint['state_dict'])
    with replacing(args.out) as unfinished:
        torch.save(checkpoint, unfinished)


if __name__ == '__main__':
    main()
