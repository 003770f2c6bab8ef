"""Plain data from values of other types, to be stored."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

PLAIN = (bool, int, float, complex, str, bytes)


def plain_data(value: Any) -> Any:
    """Convert a value so that it can be read again without executing code.

    Tensors and numeric arrays stay as they are, and so do plain Python values. NumPy
    scalars, paths and subclasses become plain values; arrays of text or objects become
    lists; mappings become dicts. Objects of other types become their text.

    Examples:
        >>> plain_data({'classes': np.array(['cat', 'dog']), 'size': np.uint8(3)})
        {'classes': ['cat', 'dog'], 'size': 3}
        >>> plain_data((range(2), np.arange(2)))
        ([0, 1], array([0, 1]))
    """
    if value is None or type(value) in PLAIN:
        return value
    if isinstance(value, np.generic):
        return (
            plain_data(value.item()) if value.dtype.kind in 'biufcUSO' else str(value)
        )
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in 'biufc' else plain_data(value.tolist())
    if isinstance(value, (torch.Tensor, torch.dtype, torch.device, torch.Size)):
        return value
    if isinstance(value, Mapping):
        return {plain_data(k): plain_data(v) for k, v in value.items()}
    if isinstance(value, (tuple, list, set, frozenset, range)):
        kind = next((t for t in (tuple, set) if isinstance(value, t)), list)
        return kind(plain_data(entry) for entry in value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    plain = next((kind for kind in PLAIN if isinstance(value, kind)), str)
    return plain(value)
