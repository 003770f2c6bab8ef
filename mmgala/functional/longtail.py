"""Long-tailed class counts, and shot groups for reporting results."""

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmgala.functional.checks import check_values

PROFILES = ('exp', 'step', 'pareto')
SHOT_GROUPS = ('many', 'medium', 'few')
"""Groups of classes by their number of training images, the most frequent first."""


def long_tailed_counts(
    num_classes: int,
    max_count: int,
    imbalance_factor: float,
    profile: str = 'exp',
) -> list[int]:
    r"""Training samples per class, from head to tail.

    * ``exp``: :math:`n_c = \lfloor n_{max} \, IF^{-c / (C - 1)} \rfloor` (Cui et al.,
      CVPR 2019, the usual CIFAR-LT);
    * ``step``: :math:`n_{max}` for the first half of the classes,
      :math:`\lfloor n_{max} / IF \rfloor` for the others (Buda et al., 2018);
    * ``pareto``: a power law :math:`n_c = \lfloor n_{max} (c + 1)^{-a} \rfloor` with
      :math:`a = \ln IF / \ln C`, from :math:`n_{max}` to
      :math:`\lfloor n_{max} / IF \rfloor`.

    Args:
        num_classes: C, 2 or more.
        max_count: :math:`n_{max}`, samples of the first class.
        imbalance_factor: IF, largest over smallest class, 1 or more.
        profile: ``'exp'``, ``'step'`` or ``'pareto'``.

    Returns:
        C counts; the last may be 0 where IF exceeds ``max_count``.

    Raises:
        ValueError: if an argument is out of its range.

    Examples:
        >>> long_tailed_counts(5, 100, 100)
        [100, 31, 10, 3, 1]
    """
    if num_classes < 2:
        raise ValueError(f'Expected at least 2 classes, but got {num_classes}.')
    if not 1 <= max_count < math.inf:
        raise ValueError(f'Expected `max_count` to be 1 or more, but got {max_count}.')
    if not math.isfinite(imbalance_factor) or imbalance_factor < 1:
        raise ValueError(
            'Expected `imbalance_factor` (largest class / smallest class) to be 1 or '
            f'more, but got {imbalance_factor}.'
        )
    classes = range(num_classes)
    if profile == 'exp':
        return [
            int(max_count * imbalance_factor ** (-c / (num_classes - 1)))
            for c in classes
        ]
    if profile == 'step':
        tail = int(max_count / imbalance_factor)
        return [max_count if c < num_classes // 2 else tail for c in classes]
    if profile == 'pareto':
        # (c + 1) ** -a, written so that the last class gets exactly n_max / IF.
        exponents = [math.log(c + 1) / math.log(num_classes) for c in classes]
        return [int(max_count / imbalance_factor**d) for d in exponents]
    raise ValueError(
        f'Expected `profile` to be one of {PROFILES}, but got {profile!r}.'
    )


def largest_head_count(
    available: Sequence[int], imbalance_factor: float, profile: str = 'exp'
) -> int:
    """Largest ``max_count`` for which every class has enough samples.

    Args:
        available: number of samples of each class, head first.
        imbalance_factor: see :func:`long_tailed_counts`.
        profile: see :func:`long_tailed_counts`.

    Returns:
        ``max_count``; 0 if a class has too few samples for any.

    Examples:
        >>> largest_head_count([500, 80, 20], 25)
        404
        >>> long_tailed_counts(3, 404, 25)
        [404, 80, 16]
    """

    def too_many(max_count: int) -> bool:
        counts = long_tailed_counts(
            len(available), max_count, imbalance_factor, profile
        )
        return any(n > a for n, a in zip(counts, available, strict=True))

    # Counts grow with max_count: the last one that fits is found by bisection.
    return bisect(range(1, available[0] + 1), False, key=too_many)


@dataclass(frozen=True)
class ShotThresholds:
    """Training counts that separate many-, medium- and few-shot classes.

    The defaults are those of Liu et al., CVPR 2019 (ImageNet-LT). No other module has
    defaults: they all pass thresholds on.

    Args:
        many: classes with more training samples are many-shot.
        few: classes with fewer training samples are few-shot; the rest, both thresholds
            included, is medium-shot.

    Raises:
        TypeError: if a threshold is not a whole number.
        ValueError: if ``few`` is negative, or exceeds ``many``.

    Examples:
        >>> thresholds = ShotThresholds()
        >>> print(thresholds)
        many > 100, few < 20
        >>> thresholds.group_of([500, 100, 20, 19])
        tensor([0, 1, 1, 2])
    """

    many: int = 100
    few: int = 20

    def __post_init__(self) -> None:
        for name, value in (('many', self.many), ('few', self.few)):
            if isinstance(value, (bool, str)) or not float(value).is_integer():
                raise TypeError(f'Expected `{name}` to be an integer, but got {value}.')
            object.__setattr__(self, name, int(value))  # also NumPy's integers
        if self.few < 0:
            raise ValueError(
                f'Expected `few` to be 0 or more, but got few={self.few}: 0 makes no '
                'class few-shot.'
            )
        if self.few > self.many:
            raise ValueError(
                f'Expected `few` <= `many`, but got few={self.few} and '
                f'many={self.many}.'
            )

    def __str__(self) -> str:
        return f'many > {self.many}, few < {self.few}'

    @classmethod
    def from_arguments(
        cls, many: int | None = None, few: int | None = None
    ) -> 'ShotThresholds | None':
        """Thresholds from arguments; ``None`` if neither is given."""
        if many is None and few is None:
            return None
        return cls().replaced(many, few)

    def replaced(
        self, many: int | None = None, few: int | None = None
    ) -> 'ShotThresholds':
        """A copy with the given thresholds replaced."""
        return ShotThresholds(
            self.many if many is None else many, self.few if few is None else few
        )

    def group_of(self, class_counts: Sequence[int] | Tensor) -> Tensor:
        """Index into ``SHOT_GROUPS`` for each class.

        Args:
            class_counts: training samples of each class, ``(C,)``.

        Returns:
            0 (many), 1 (medium) or 2 (few), ``(C,)`` int64.

        Raises:
            ValueError: if ``class_counts`` is not one finite number >= 0 per class.
        """
        counts = torch.as_tensor(class_counts)
        if counts.ndim != 1:
            raise ValueError(
                'Expected `class_counts` to be one number per class, but got shape '
                f'{tuple(counts.shape)}.'
            )
        check_values('class_counts', counts)
        return 1 - (counts > self.many).long() + (counts < self.few).long()

    def groups(self, class_counts: Sequence[int] | Tensor) -> dict[str, Tensor]:
        """Class indices of each group that has classes, most frequent group first.

        Args:
            class_counts: training samples of each class, ``(C,)``.

        Examples:
            >>> ShotThresholds(many=40, few=10).groups([50, 2, 41])
            {'many': tensor([0, 2]), 'few': tensor([1])}
        """
        group = self.group_of(class_counts)
        members = {
            name: (group == index).nonzero().flatten()
            for index, name in enumerate(SHOT_GROUPS)
        }
        return {name: classes for name, classes in members.items() if len(classes)}

    def empty_groups(self, class_counts: Sequence[int] | Tensor) -> list[str]:
        """Names of the groups without classes.

        Args:
            class_counts: training samples of each class, ``(C,)``.

        Examples:
            >>> ShotThresholds().empty_groups([50, 30])
            ['many', 'few']
        """
        present = self.groups(class_counts)
        return [name for name in SHOT_GROUPS if name not in present]


def shot_groups(
    class_counts: Sequence[int] | Tensor,
    many: int = ShotThresholds.many,
    few: int = ShotThresholds.few,
) -> tuple[Tensor, Tensor, Tensor]:
    """Split classes by their number of *training* samples; see :class:`ShotThresholds`.

    Args:
        class_counts: training samples of each class, ``(C,)``.
        many: classes with more training samples are many-shot.
        few: classes with fewer training samples are few-shot.

    Returns:
        Class indices ``(many, medium, few)``, int64.

    Raises:
        ValueError: if ``few`` exceeds ``many`` or a count is negative.

    Examples:
        >>> shot_groups([500, 100, 20, 19])
        (tensor([0]), tensor([1, 2]), tensor([3]))
    """
    group = ShotThresholds(many, few).group_of(class_counts)
    many_shot, medium_shot, few_shot = (
        (group == index).nonzero().flatten() for index in range(len(SHOT_GROUPS))
    )
    return many_shot, medium_shot, few_shot
