"""Argument checks that several modules share.

Scalars are checked wherever they enter; this takes less than a microsecond. The values
of tensors are checked on the CPU only: on an accelerator the host would wait for the
device. While ``torch.compile`` or ``torch.export`` captures a graph, tensors have no
values, so only shapes and types are checked.
"""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

# Before PyTorch 2.3, there is no way to ask, and checks are graph breaks.
_is_compiling = getattr(torch.compiler, 'is_compiling', lambda: False)


def capturing() -> bool:
    """Whether a graph is being captured, so that tensors have no values to check."""
    return _is_compiling()


def is_readable(values: Tensor) -> bool:
    """Whether values can be read without waiting for a device or breaking a graph."""
    return values.device.type == 'cpu' and not capturing()


def check_logits_and_target(
    logits: Tensor, target: Tensor, values: bool = True
) -> None:
    """Check the shapes, data types and values of logits and labels.

    Values are checked on the CPU only: on an accelerator, the host would wait for the
    device in every training step.

    Args:
        logits: floating, shape ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        values: whether to check values.

    Raises:
        ValueError: if a shape, data type or (on the CPU) value is invalid.
    """
    if logits.ndim != 2 or not logits.is_floating_point():
        raise ValueError(
            'Expected `logits` to be a floating tensor of shape (N, C), but got '
            f'shape {tuple(logits.shape)} of {logits.dtype}.'
        )
    num_samples, num_classes = logits.shape
    if target.is_floating_point():
        if target.shape != logits.shape:
            raise ValueError(
                'Expected soft labels to have the shape of the logits, '
                f'{tuple(logits.shape)}, but got {tuple(target.shape)}.'
            )
    elif target.shape != (num_samples,):
        raise ValueError(
            f'Expected class indices of shape ({num_samples},) for logits of shape '
            f'{tuple(logits.shape)}, but got {tuple(target.shape)}. Soft labels '
            'must be floating.'
        )
    if values and is_readable(target) and target.numel() > 0:
        _check_values(target, num_classes)


def _check_values(target: Tensor, num_classes: int) -> None:
    if target.is_floating_point():
        sums = target.sum(dim=1)
        if bool((target < 0).any()) or not torch.allclose(
            sums, torch.ones_like(sums), atol=1e-2
        ):
            raise ValueError(
                'Expected soft labels to be non-negative with rows that sum to 1, '
                f'but got a minimum of {float(target.min()):.4g} and row sums from '
                f'{float(sums.min()):.4g} to {float(sums.max()):.4g}.'
            )
        return
    low, high = map(int, torch.aminmax(target))
    if low < 0 or high >= num_classes:
        raise ValueError(
            f'Expected labels between 0 and {num_classes - 1} ({num_classes} classes), '
            f'but got {low if low < 0 else high}. Check the annotations, or '
            '`num_classes` in the config.'
        )


def check_region_labels(label: Tensor, num_regions: int, num_classes: int) -> None:
    """Check class indices of regions or anchors.

    Values are checked on the CPU only, as in :func:`check_logits_and_target`.

    Args:
        label: integers between 0 and C, which is background, ``(N,)``.
        num_regions: N, the number of regions.
        num_classes: C, the number of classes.

    Raises:
        ValueError: if the shape, data type or (on the CPU) a value is invalid.
    """
    if label.shape != (num_regions,) or label.is_floating_point():
        raise ValueError(
            f'Expected integer labels of shape ({num_regions},), one for each row of '
            f'the logits, but got {tuple(label.shape)} of {label.dtype}.'
        )
    if not is_readable(label) or label.numel() == 0:
        return
    low, high = map(int, torch.aminmax(label))
    if low < 0 or high > num_classes:
        raise ValueError(
            f'Expected labels between 0 and {num_classes} ({num_classes} classes, '
            f'background last), but got {low if low < 0 else high}. Check the '
            'annotations, or `num_classes` in the config.'
        )


def check_statistics(pos_grad: Tensor, neg_grad: Tensor, num_classes: int) -> None:
    """Check that both gradient statistics have one value per class.

    Raises:
        ValueError: if a shape is not ``(num_classes,)`` or (on the CPU) a value is
            negative or not finite.
    """
    for name, value in (('pos_grad', pos_grad), ('neg_grad', neg_grad)):
        if value.shape != (num_classes,):
            raise ValueError(
                f'Expected `{name}` to have shape ({num_classes},), one value per '
                f'class of the logits, but got {tuple(value.shape)}.'
            )
        if is_readable(value):
            check_values(name, value)


def check_values(name: str, values: Tensor) -> None:
    """Check that numbers are finite and 0 or more; the host waits for the device.

    Args:
        name: of the argument.
        values: of any shape and type.

    Raises:
        ValueError: if a value is negative, infinite or NaN.
    """
    if capturing():
        return
    valid = (values >= 0) & (values < math.inf)  # False for NaN
    if not bool(valid.all()):
        raise ValueError(
            f'Expected `{name}` to be finite and 0 or more, but got '
            f'{float(values[~valid][0]):g}.'
        )


def check_margin_arguments(lambda_pos: float, lambda_neg: float, eps: float) -> None:
    """Check the arguments of GALA's margins.

    Raises:
        ValueError: if a weight is negative, ``eps`` is not positive, or one is not
            finite.
    """
    check_not_negative('lambda_pos', lambda_pos)
    check_not_negative('lambda_neg', lambda_neg)
    check_positive('eps', eps)


def usable_weight(weight: Tensor) -> Tensor:
    """Sample weights in float32: checked on the CPU, else masked.

    Args:
        weight: of any shape.

    Raises:
        ValueError: if (on the CPU) a weight is negative, infinite or NaN.
    """
    if not is_readable(weight):
        return masked_weight(weight)
    check_values('weight', weight)
    return weight.float()


def masked_weight(weight: Tensor) -> Tensor:
    """Sample weights in float32, with 0 for those that are negative or not finite.

    Such a sample counts neither in the loss nor in statistics, and the host does not
    wait for the device.
    """
    weight = weight.float()
    return torch.where((weight >= 0) & (weight < math.inf), weight, 0.0)


def check_restored(name: str, value: Tensor, signed: bool = False) -> None:
    """Check a statistic of a checkpoint.

    Args:
        name: its key in the state dict.
        value: of any shape and type.
        signed: whether it may be negative.

    Raises:
        ValueError: if a value is not finite, or negative.
    """
    try:
        check_values(name, value.abs() if signed else value)
    except ValueError as error:
        raise ValueError(
            f'{error} This is a statistic in the checkpoint: the training has '
            'diverged, or the file is damaged. Use an earlier checkpoint.'
        ) from None


def check_finite_scores(of_samples: Tensor) -> None:
    """Check that no sample has scores that are not finite.

    Args:
        of_samples: a number of each sample that is finite if its scores are, such as
            their sum, ``(N,)``.

    Raises:
        ValueError: if there are such samples; the message counts them.
    """
    if capturing():
        return
    broken = int((~of_samples.isfinite()).sum())
    if broken:
        raise ValueError(
            f'Scores of {broken} of {len(of_samples)} samples are not finite (NaN or '
            'infinity), so no metric is computed. The model has diverged: use an '
            'earlier checkpoint, or a lower learning rate. If it overflows in half '
            'precision only, leave out --amp.'
        )


def check_class_vector(name: str, value: Tensor, num_classes: int) -> None:
    """Check a vector of class masses or priors: its length and its values.

    Raises:
        ValueError: if it is not ``(num_classes,)``, finite and non-negative with a
            positive sum.
    """
    if value.shape != (num_classes,):
        raise ValueError(
            f'Expected `{name}` to hold {num_classes} values, one per class, but got '
            f'shape {tuple(value.shape)}.'
        )
    check_values(name, value)
    if not capturing() and float(value.sum()) <= 0:
        raise ValueError(f'Expected `{name}` to have a positive sum, but got 0.')


def check_num_classes(num_classes: int) -> None:
    """Check the number of classes.

    Raises:
        ValueError: if there are fewer than 2.
    """
    if num_classes < 2:
        raise ValueError(
            f'Expected `num_classes` to be 2 or more, but got {num_classes}.'
        )


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Check an argument that must be one of several values.

    Raises:
        ValueError: if ``value`` is not one of ``choices``.
    """
    if value not in choices:
        raise ValueError(
            f'Expected `{name}` to be one of {choices}, but got {value!r}.'
        )


def check_not_negative(name: str, value: float) -> None:
    """Check a strength, an exponent or a margin.

    Raises:
        ValueError: if it is negative, infinite or NaN.
    """
    if not 0 <= value < math.inf:
        raise ValueError(f'Expected `{name}` to be 0 or more, but got {value}.')


def check_positive(name: str, value: float) -> None:
    """Check a scale, or a constant that keeps a logarithm finite.

    Raises:
        ValueError: if it is 0 or less, infinite or NaN.
    """
    if not 0 < value < math.inf:
        raise ValueError(f'Expected `{name}` to be positive, but got {value}.')


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Check a number of things.

    Raises:
        ValueError: if it is not an integer of at least ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(
            f'Expected `{name}` to be an integer of {least} or more, but got {value!r}.'
        )


def check_share(name: str, value: float) -> None:
    """Check a fraction or a probability.

    Raises:
        ValueError: if it is not between 0 and 1.
    """
    if not 0 <= value <= 1:
        raise ValueError(f'Expected `{name}` to be between 0 and 1, but got {value}.')
