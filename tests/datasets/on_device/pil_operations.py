"""AutoAugment's operations with PIL, and their magnitudes, written out.

They follow the implementation that is common in the long-tail literature (levels 0 to
9, fill with grey 128, rotations in one direction, bicubic shears, solarize from 256).
"""

import math

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

GREY = (128, 128, 128)
LEVELS = range(10)


def affine(*matrix, resample=Image.Resampling.NEAREST):
    return lambda image: image.transform(
        image.size, Image.Transform.AFFINE, matrix, resample, fillcolor=GREY
    )


def shear(*matrix):
    return affine(*matrix, resample=Image.Resampling.BICUBIC)


def translate_x(share):
    return lambda image: affine(1, 0, share * image.width, 0, 1, 0)(image)


def translate_y(share):
    return lambda image: affine(1, 0, 0, 0, 1, share * image.height)(image)


def rotate(degrees):
    return lambda image: image.rotate(degrees, fillcolor=GREY)


def enhance(kind):
    return lambda value: lambda image: kind(image).enhance(1 + value)


def without_value(operation):
    return lambda value: operation


# Operation; its value at each level; whether the sign is random.
OPERATIONS = {
    'ShearX': (lambda v: shear(1, v, 0, 0, 1, 0), np.linspace(0, 0.3, 10), True),
    'ShearY': (lambda v: shear(1, 0, 0, v, 1, 0), np.linspace(0, 0.3, 10), True),
    'TranslateX': (translate_x, np.linspace(0, 150 / 331, 10), True),
    'TranslateY': (translate_y, np.linspace(0, 150 / 331, 10), True),
    'Rotate': (rotate, np.linspace(0, 30, 10), False),
    'Color': (enhance(ImageEnhance.Color), np.linspace(0, 0.9, 10), True),
    'Contrast': (enhance(ImageEnhance.Contrast), np.linspace(0, 0.9, 10), True),
    'Sharpness': (enhance(ImageEnhance.Sharpness), np.linspace(0, 0.9, 10), True),
    'Brightness': (enhance(ImageEnhance.Brightness), np.linspace(0, 0.9, 10), True),
    'Posterize': (
        lambda bits: lambda image: ImageOps.posterize(image, int(bits)),
        np.round(np.linspace(8, 4, 10)),
        False,
    ),
    'Solarize': (
        lambda level: lambda image: ImageOps.solarize(image, math.ceil(level)),
        np.linspace(256, 0, 10),
        False,
    ),
    'AutoContrast': (without_value(ImageOps.autocontrast), [0], False),
    'Equalize': (without_value(ImageOps.equalize), [0], False),
    'Invert': (without_value(ImageOps.invert), [0], False),
}


def all_variants(name):
    """Operation and value for each level and sign."""
    _, values, signed = OPERATIONS[name]
    signs = (-1, 1) if signed else (1,)
    return [(name, sign * float(value)) for value in values for sign in signs]


def by_pil(variant, image):
    """Apply an operation to an image; return the array."""
    name, value = variant
    make, *_ = OPERATIONS[name]
    return np.asarray(make(value)(Image.fromarray(image)))
