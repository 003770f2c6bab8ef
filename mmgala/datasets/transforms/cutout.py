"""Cutout with a uniformly distributed centre, as in the original paper."""

import numpy as np

from mmgala.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Cutout:
    """Erase a square at a random position, as the authors of Cutout do.

    The centre is uniformly distributed over the image and the square is clipped at all
    four borders, so a 16 x 16 square erases 19.1 % of a 32 x 32 image on average. A
    square that always lies inside would erase the middle of the image more often.
    MMCV's ``Cutout`` draws the *upper left* corner instead, so its square is clipped
    only at the right and at the bottom.

    Source: DeVries and Taylor, *Improved Regularization of Convolutional Neural
    Networks with Cutout*, arXiv 1708.04552.

    Args:
        size: side of the square, in pixels.
        fill: grey level of the erased pixels, 0 to 255. The published code erases
            before it subtracts the mean, which makes the square black.

    Raises:
        ValueError: if ``size`` is not positive.
    """

    def __init__(self, size: int = 16, fill: int = 0) -> None:
        if size < 1:
            raise ValueError(f'Expected `size` to be 1 or more, but got {size}.')
        self.size = size
        self.fill = fill

    def __call__(self, results: dict) -> dict:
        """Erase a square of ``results['img']``, ``(H, W)`` or ``(H, W, 3)`` uint8."""
        image = results['img'].copy()
        height, width = image.shape[:2]
        rows = self._interval(np.random.randint(height), height)
        columns = self._interval(np.random.randint(width), width)
        image[rows, columns] = self.fill
        results['img'] = image
        return results

    def _interval(self, centre: int, length: int) -> slice:
        start = centre - self.size // 2
        return slice(max(0, start), min(length, start + self.size))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, fill={self.fill})'
