"""AutoAugment's policy for CIFAR, as the long-tail literature runs it."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from mmgala.registry import TRANSFORMS

HIGHEST_LEVEL = 9
MAX_SHEAR = 0.3
MAX_SHIFT = 150 / 331  # of the side of the image
MAX_ROTATION = 30.0  # degrees
MAX_ENHANCEMENT = 0.9
POSTERIZE_BITS = (8, 4)  # at the lowest and the highest level
SOLARIZE_START = 256

# Each step of a sub-policy: operation, probability, level (None where it has none).
POLICY: list[tuple[tuple[str, float, int | None], ...]] = AutoAugment(
    AutoAugmentPolicy.CIFAR10
).policies


def strength(operation: str, level: int | None) -> float:
    """Magnitude of an operation at a level from 0 to 9, without its sign.

    Shears are slopes, shifts shares of the side, rotations degrees, enhancements
    differences from a factor of 1; posterize gives bits to keep, solarize the grey
    level from which on pixels are inverted. Operations without a level give 0.
    """
    share = (level or 0) / HIGHEST_LEVEL
    if operation == 'Posterize':
        most, fewest = POSTERIZE_BITS
        return round(most + (fewest - most) * share)
    if operation == 'Solarize':
        return SOLARIZE_START * (1 - share)
    largest = {
        'ShearX': MAX_SHEAR,
        'ShearY': MAX_SHEAR,
        'TranslateX': MAX_SHIFT,
        'TranslateY': MAX_SHIFT,
        'Rotate': MAX_ROTATION,
        'Color': MAX_ENHANCEMENT,
        'Contrast': MAX_ENHANCEMENT,
        'Sharpness': MAX_ENHANCEMENT,
        'Brightness': MAX_ENHANCEMENT,
    }
    return largest.get(operation, 0.0) * share


def _affine(
    image: Image.Image, matrix: tuple[float, ...], fill: int, resample: int
) -> Image.Image:
    return image.transform(
        image.size,
        Image.Transform.AFFINE,
        matrix,
        resample=Image.Resampling(resample),
        fillcolor=(fill,) * len(image.getbands()),
    )


def _shear_x(image: Image.Image, value: float, fill: int) -> Image.Image:
    return _affine(image, (1, value, 0, 0, 1, 0), fill, Image.Resampling.BICUBIC)


def _shear_y(image: Image.Image, value: float, fill: int) -> Image.Image:
    return _affine(image, (1, 0, 0, value, 1, 0), fill, Image.Resampling.BICUBIC)


def _translate_x(image: Image.Image, value: float, fill: int) -> Image.Image:
    matrix = (1, 0, value * image.width, 0, 1, 0)
    return _affine(image, matrix, fill, Image.Resampling.NEAREST)


def _translate_y(image: Image.Image, value: float, fill: int) -> Image.Image:
    matrix = (1, 0, 0, 0, 1, value * image.height)
    return _affine(image, matrix, fill, Image.Resampling.NEAREST)


def _rotate(image: Image.Image, value: float, fill: int) -> Image.Image:
    return image.rotate(value, fillcolor=(fill,) * len(image.getbands()))


def _enhance(kind: Callable) -> Callable[[Image.Image, float, int], Image.Image]:
    return lambda image, value, fill: kind(image).enhance(1 + value)


# With a random sign: shears, shifts and enhancements. Rotations have none in the code
# that produced the published numbers.
SIGNED: dict[str, Callable[[Image.Image, float, int], Image.Image]] = {
    'ShearX': _shear_x,
    'ShearY': _shear_y,
    'TranslateX': _translate_x,
    'TranslateY': _translate_y,
    'Color': _enhance(ImageEnhance.Color),
    'Contrast': _enhance(ImageEnhance.Contrast),
    'Sharpness': _enhance(ImageEnhance.Sharpness),
    'Brightness': _enhance(ImageEnhance.Brightness),
}
UNSIGNED: dict[str, Callable[[Image.Image, float, int], Image.Image]] = {
    'Rotate': _rotate,
    'Posterize': lambda image, value, fill: ImageOps.posterize(image, int(value)),
    # PIL compares with `<`, so the ceiling keeps what the fraction itself would keep.
    'Solarize': lambda image, value, fill: ImageOps.solarize(image, math.ceil(value)),
    'AutoContrast': lambda image, value, fill: ImageOps.autocontrast(image),
    'Equalize': lambda image, value, fill: ImageOps.equalize(image),
    'Invert': lambda image, value, fill: ImageOps.invert(image),
}


@TRANSFORMS.register_module()
class CIFARAutoAugment:
    """AutoAugment for CIFAR as the published long-tail results were made with it.

    The 25 sub-policies of Cubuk et al., *AutoAugment: Learning Augmentation Policies
    from Data*, CVPR 2019, arXiv 1805.09501. The implementation that the long-tail
    literature shares differs from torchvision's (``mmgala.TorchvisionAutoAugment``):
    what leaves the image is filled with grey 128 instead of black, rotations have one
    direction only, shears are bicubic, shifts are not rounded to whole pixels, and
    solarize starts from 256 instead of 255.

    Args:
        fill: grey level of pixels from outside the image, 0 to 255.
    """

    def __init__(self, fill: int = 128) -> None:
        self.fill = fill

    def __call__(self, results: dict) -> dict:
        """Augment ``results['img']``, a PIL image.

        Raises:
            TypeError: if it is an array.
        """
        image = results['img']
        if not isinstance(image, Image.Image):
            raise TypeError(
                f'Expected a PIL image, but got {type(image).__name__}: put NumpyToPIL '
                'before this step.'
            )
        for operation, probability, level in POLICY[np.random.randint(len(POLICY))]:
            if np.random.random() < probability:
                image = self._apply(image, operation, strength(operation, level))
        results['img'] = image
        return results

    def _apply(self, image: Image.Image, operation: str, value: float) -> Image.Image:
        if operation in UNSIGNED:
            return UNSIGNED[operation](image, value, self.fill)
        return SIGNED[operation](image, value * np.random.choice((-1, 1)), self.fill)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(fill={self.fill})'
