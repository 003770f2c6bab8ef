"""Operations for RandAugment that behave as in timm."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmpretrain.datasets.transforms import Posterize, Solarize
from mmpretrain.registry import TRANSFORMS as MMPRETRAIN_TRANSFORMS

from mmgala.registry import TRANSFORMS

OPERATIONS = ('Rotate', 'Shear', 'Translate')
INTERPOLATIONS = ('nearest', 'bilinear', 'bicubic', 'area', 'lanczos')


@TRANSFORMS.register_module()
class RandomInterpolation(BaseTransform):
    """``Rotate``, ``Shear`` or ``Translate`` with a random interpolation method.

    timm's RandAugment chooses between bilinear and bicubic interpolation each time it
    applies an operation. MMPretrain's operations always use the same method.

    In the ``policies`` of MMPretrain's ``RandAugment``, ``pad_val`` and
    ``interpolations`` may also be set through its ``hparams``.

    Args:
        operation: ``'Rotate'``, ``'Shear'`` or ``'Translate'``.
        interpolations: names of equally likely interpolation methods, as in
            ``mmcv.imrotate``.
        pad_val: colour of pixels from outside the image, in the image's channel order.
        **kwargs: passed to the operation.

    Raises:
        ValueError: if the operation or an interpolation method is unknown, or
            ``interpolations`` is empty.
    """

    def __init__(
        self,
        operation: str,
        interpolations: Sequence[str] = ('bilinear', 'bicubic'),
        pad_val: int | Sequence[int] = 128,
        **kwargs: Any,
    ) -> None:
        if operation not in OPERATIONS:
            raise ValueError(
                f'Expected `operation` to be one of {OPERATIONS}, but got '
                f'{operation!r}.'
            )
        unknown = set(interpolations) - set(INTERPOLATIONS)
        if unknown or not interpolations:
            raise ValueError(
                'Expected `interpolations` to be one or more of '
                f'{INTERPOLATIONS}, but got {interpolations!r}.'
            )
        common = dict(type=operation, pad_val=pad_val, **kwargs)
        self.transforms = [
            MMPRETRAIN_TRANSFORMS.build(dict(interpolation=name, **common))
            for name in interpolations
        ]

    def __iter__(self) -> Iterator[BaseTransform]:
        """Iterate over the operations; mmcv uses it to share their random choices."""
        return iter(self.transforms)

    @cache_randomness
    def random_index(self) -> int:
        """Draw the index of an interpolation method."""
        return int(np.random.randint(len(self.transforms)))

    def transform(self, results: dict) -> dict:
        """Apply the operation to ``results['img']``, ``(H, W, 3)`` uint8."""
        return self.transforms[self.random_index()](results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.transforms})'


@TRANSFORMS.register_module()
class FlooredPosterize(Posterize):
    """MMPretrain's ``Posterize`` with the number of bits rounded down.

    timm rounds down, so level 9.9 of ``magnitude_range=(0, 4)`` keeps 3 bits.
    MMPretrain rounds up, which agrees with timm only for ``magnitude_range=(4, 0)``.

    Args:
        *args: passed to MMPretrain's ``Posterize``.
        **kwargs: passed, too.
    """

    def random_magnitude(self) -> int:
        """Draw a number of bits."""
        return math.floor(super().random_magnitude())


@TRANSFORMS.register_module()
class FlooredSolarize(Solarize):
    """MMPretrain's ``Solarize`` with the threshold rounded down.

    With a threshold of 245.8, timm inverts grey levels from 245 upwards, MMPretrain
    from 246 upwards.

    Args:
        *args: passed to MMPretrain's ``Solarize``.
        **kwargs: passed, too.
    """

    def random_magnitude(self) -> int:
        """Draw a threshold."""
        return math.floor(super().random_magnitude())
