"""Posterize and solarize for RandAugment with magnitudes rounded down."""

import math

from mmpretrain.datasets.transforms import Posterize, Solarize

from mmgala.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FlooredPosterize(Posterize):
    """MMPretrain's ``Posterize`` with the number of bits rounded down.

    timm rounds down, so level 9.9 of ``magnitude_range=(0, 4)`` keeps 3 bits.
    MMPretrain rounds up, which agrees with timm only for ``magnitude_range=(4, 0)``.

    Args:
        *args, **kwargs: passed to MMPretrain's ``Posterize``.
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
        *args, **kwargs: passed to MMPretrain's ``Solarize``.
    """

    def random_magnitude(self) -> int:
        """Draw a threshold."""
        return math.floor(super().random_magnitude())
