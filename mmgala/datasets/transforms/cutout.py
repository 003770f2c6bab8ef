"""Cutout whose hole may leave the image on every side."""

import numpy as np

from mmgala.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Cutout:
    """Erase one square at a random place, as the authors of Cutout do.

    The centre is uniform over all pixels of the image, and the square is clipped at all
    four borders: the centre of an image is erased less often than with a square that
    lies inside, and 19.1 % of an image of 32 x 32 pixels are erased on average by a
    square of 16. MMCV's ``Cutout`` draws the *upper left* corner instead, so that its
    square is clipped at the right and at the bottom only.

    Source: DeVries and Taylor, *Improved Regularization of Convolutional Neural
    Networks with Cutout*, arXiv 1708.04552.

    Args:
        size: side of the square, in pixels.
        fill: grey level of the erased pixels, 0 to 255. The published code erases after
            scaling to [0, 1] and before subtracting the mean, so its hole is black.

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
