"""Solarize as timm has it."""

import math

from mmpretrain.datasets.transforms import Solarize

from mmgala.registry import TRANSFORMS


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
