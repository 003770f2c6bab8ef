"""RandAugment's posterize and solarize with whole-number magnitudes."""

import math

from mmpretrain.datasets.transforms import Posterize, Solarize

from mmgala.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FlooredPosterize(Posterize):
    """MMPretrain's ``Posterize``, with a random number of bits that is rounded down.

    timm rounds down, so level 9.9 of ``magnitude_range=(0, 4)`` keeps 3 bits.
    MMPretrain rounds up, which is timm's result only for ``magnitude_range=(4, 0)``.

    Args:
        *args, **kwargs: as those of MMPretrain's ``Posterize``.
    """

    def random_magnitude(self) -> int:
        """Draw a number of bits."""
        return math.floor(super().random_magnitude())


@TRANSFORMS.register_module()
class FlooredSolarize(Solarize):
    """MMPretrain's ``Solarize``, with a random threshold that is rounded down.

    timm rounds down, so grey level 245 is inverted at a threshold of 245.8. MMPretrain
    inverts from 246.

    Args:
        *args, **kwargs: as those of MMPretrain's ``Solarize``.
    """

    def random_magnitude(self) -> int:
        """Draw a threshold."""
        return math.floor(super().random_magnitude())
