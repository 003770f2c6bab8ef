"""AutoAugment and Cutout as in the long-tail literature; torchvision's AutoAugment."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from mmgala.registry import TRANSFORMS

HIGHEST_LEVEL = 9
MAX_SHEAR = 0.3
MAX_TRANSLATION = 150 / 331  # relative to the side of the image
MAX_ROTATION = 30.0  # degrees
MAX_ENHANCEMENT = 0.9
POSTERIZE_BITS = (8, 4)  # at the lowest and the highest level
SOLARIZE_START = 256

POLICY_NAMES = tuple(policy.value for policy in AutoAugmentPolicy)  # of torchvision
# Steps of each sub-policy: operation, probability, level (None if it has no level).
CIFAR_POLICY: list[tuple[tuple[str, float, int | None], ...]] = AutoAugment(
    AutoAugmentPolicy.CIFAR10
).policies


def magnitude(operation: str, level: int | None) -> float:
    """Magnitude of an operation at a level from 0 to 9, without its sign.

    The unit depends on the operation: slope for shears, fraction of the side for
    translations, degrees for rotations, difference from factor 1 for enhancements,
    number of bits to keep for posterize, and the lowest grey level to invert for
    solarize. It is 0 for operations without a level.
    """
    fraction = (level or 0) / HIGHEST_LEVEL
    if operation == 'Posterize':
        most, fewest = POSTERIZE_BITS
        return round(most + (fewest - most) * fraction)
    if operation == 'Solarize':
        return SOLARIZE_START * (1 - fraction)
    maximum = {
        'ShearX': MAX_SHEAR,
        'ShearY': MAX_SHEAR,
        'TranslateX': MAX_TRANSLATION,
        'TranslateY': MAX_TRANSLATION,
        'Rotate': MAX_ROTATION,
        'Color': MAX_ENHANCEMENT,
        'Contrast': MAX_ENHANCEMENT,
        'Sharpness': MAX_ENHANCEMENT,
        'Brightness': MAX_ENHANCEMENT,
    }
    return maximum.get(operation, 0.0) * fraction


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


# Operations with a random sign. Rotations have no random sign in the code that produced
# the published numbers.
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
    # PIL keeps levels < threshold; rounding up keeps the same ones as the fraction.
    'Solarize': lambda image, value, fill: ImageOps.solarize(image, math.ceil(value)),
    'AutoContrast': lambda image, value, fill: ImageOps.autocontrast(image),
    'Equalize': lambda image, value, fill: ImageOps.equalize(image),
    'Invert': lambda image, value, fill: ImageOps.invert(image),
}


@TRANSFORMS.register_module()
class CIFARAutoAugment:
    """AutoAugment for CIFAR as used for published long-tail results.

    Applies one of the 25 sub-policies of Cubuk et al., *AutoAugment: Learning
    Augmentation Policies from Data*, CVPR 2019, arXiv 1805.09501. The implementation
    common in the long-tail literature differs from torchvision's
    (``mmgala.TorchvisionAutoAugment``): pixels from outside the image are filled with
    grey 128 instead of black, rotations have only one direction, shears are bicubic,
    translations are not rounded to whole pixels, and the solarize threshold starts
    from 256 instead of 255.

    Args:
        fill: grey level of pixels from outside the image, 0 to 255.
    """

    def __init__(self, fill: int = 128) -> None:
        self.fill = fill

    def __call__(self, results: dict) -> dict:
        """Augment ``results['img']``, a PIL image.

        Raises:
            TypeError: if it is not a PIL image.
        """
        image = results['img']
        if not isinstance(image, Image.Image):
            raise TypeError(
                f'Expected a PIL image, but got {type(image).__name__}: put NumpyToPIL '
                'before this step.'
            )
        for operation, probability, level in CIFAR_POLICY[
            np.random.randint(len(CIFAR_POLICY))
        ]:
            if np.random.random() < probability:
                image = self._apply(image, operation, magnitude(operation, level))
        results['img'] = image
        return results

    def _apply(self, image: Image.Image, operation: str, value: float) -> Image.Image:
        if operation in UNSIGNED:
            return UNSIGNED[operation](image, value, self.fill)
        return SIGNED[operation](image, value * np.random.choice((-1, 1)), self.fill)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(fill={self.fill})'


@TRANSFORMS.register_module()
class TorchvisionAutoAugment:
    """torchvision's AutoAugment with the name of its policy.

    MMPretrain registers torchvision's transforms as ``torchvision/X``, but
    ``AutoAugment`` takes its policy as a Python enumeration, which a config cannot
    contain. MMPretrain's own AutoAugment has no policy for CIFAR.

    Args:
        policy: ``'cifar10'`` (commonly used for CIFAR-100, too), ``'imagenet'`` or
            ``'svhn'``.

    Raises:
        ValueError: if the policy is unknown.
    """

    def __init__(self, policy: str = 'cifar10') -> None:
        if policy not in POLICY_NAMES:
            raise ValueError(
                f'Expected `policy` to be one of {POLICY_NAMES}, but got {policy!r}.'
            )
        self.augment = AutoAugment(AutoAugmentPolicy(policy))

    def __call__(self, results: dict) -> dict:
        """Augment ``results['img']``, a PIL image.

        Raises:
            TypeError: if it is not a PIL image.
        """
        if not isinstance(results['img'], Image.Image):
            raise TypeError(
                'Expected a PIL image, but got '
                f'{type(results["img"]).__name__}: put NumpyToPIL before this step.'
            )
        results['img'] = self.augment(results['img'])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(policy={self.augment.policy.value!r})'


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
