"""Which checkpoint a file was made from, so that a later one is noticed."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

STATISTICS_KEY = 'gradient_statistics'
"""Key of the summed gradients in a checkpoint."""


@dataclass(frozen=True)
class Origin:
    """A checkpoint.

    Attributes:
        checkpoint: its file name.
        weights: digest of its weights, see :func:`weights_digest`.
    """

    checkpoint: str
    weights: str

    @classmethod
    def of(cls, path: str | Path, checkpoint: Mapping[str, Any]) -> 'Origin':
        """Origin of what is made from a checkpoint.

        Args:
            path: of the checkpoint.
            checkpoint: from :func:`mmgala.utils.checkpoint.read_checkpoint`.
        """
        return cls(Path(path).name, weights_digest(checkpoint['state_dict']))

    @classmethod
    def from_plain(cls, stored: Any) -> 'Origin | None':
        """The origin that a file states; ``None`` if it states none."""
        names = ('checkpoint', 'weights')
        if not isinstance(stored, Mapping) or not all(n in stored for n in names):
            return None
        return cls(*(str(stored[name]) for name in names))

    def as_dict(self) -> dict[str, str]:
        """As plain data."""
        return asdict(self)


def weights_digest(state_dict: Mapping[str, Any]) -> str:
    """SHA-256 digest of names and values of all tensors, in hexadecimal.

    Other content of a checkpoint, such as the state of the optimizer, is left out.
    """
    digest = hashlib.sha256()
    for name in sorted(state_dict):
        value = state_dict[name]
        if isinstance(value, torch.Tensor):
            digest.update(f'{name} {value.dtype} {tuple(value.shape)}\n'.encode())
            content = value.detach().cpu().contiguous().flatten()
            digest.update(content.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
