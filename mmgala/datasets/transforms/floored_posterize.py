"""Posterize as timm has it."""

import math

from mmpretrain.datasets.transforms import Posterize

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
