"""Checks that the losses of detection share."""

import torch
from torch import Tensor


def check_region_labels(label: Tensor, num_regions: int, num_classes: int) -> None:
    """Check class indices of regions or anchors.

    Values are looked at on the CPU only, as in :mod:`mmgala.functional.checks`.

    Args:
        label: integers between 0 and C, which is background, ``(N,)``.
        num_regions: N.
        num_classes: C.

    Raises:
        ValueError: if shape, type or, on the CPU, a value does not fit.
    """
    if label.shape != (num_regions,) or label.is_floating_point():
        raise ValueError(
            f'Expected integer labels of shape ({num_regions},), one for each row of '
            f'the logits, but got {tuple(label.shape)} of {label.dtype}.'
        )
    if label.device.type != 'cpu' or label.numel() == 0:
        return
    low, high = map(int, torch.aminmax(label))
    if low < 0 or high > num_classes:
        raise ValueError(
            f'Expected labels between 0 and {num_classes} ({num_classes} classes, '
            f'background last), but got {low if low < 0 else high}. Check the '
            'annotations, or `num_classes` in the config.'
        )
