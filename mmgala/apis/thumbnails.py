"""Small images for a page: from a file or an array to a ``data:`` address."""

import base64
import io
import os
from typing import Any

import numpy as np
from mmengine.fileio import get
from PIL import Image, ImageOps, features

from mmgala.apis.image_sizes import check_pixels, most_pixels

SIDE = 80  # longest side in pixels
SMALL = 32  # up to this side, an image is stored as it is


def thumbnail_address(image: Image.Image, side: int = SIDE) -> str:
    """The image, shrunk to fit a square, as a ``data:`` address.

    Images of up to 32 pixels are stored without loss, as PNG; larger ones as WebP or,
    without Pillow's support of it, JPEG: about 2 kB each.
    """
    image = _opaque(image)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    if max(image.size) <= SMALL:
        kind = 'png'
        image.save(content, 'PNG', optimize=True)
    elif features.check('webp'):
        kind = 'webp'
        image.save(content, 'WEBP', quality=60, method=4)
    else:
        kind = 'jpeg'
        image.save(content, 'JPEG', quality=65, optimize=True)
    return f'data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}'


def _opaque(image: Image.Image) -> Image.Image:
    """The image in grey or colour; what is transparent becomes white."""
    if image.mode.startswith(('I', 'F')):  # 16 bits and more: use the whole range
        return Image.fromarray(_bytes(np.asarray(image)))
    if image.mode in ('1', 'L'):
        return image.convert('L')
    if 'A' in image.getbands() or 'transparency' in image.info:
        image = image.convert('RGBA')
        white = Image.new('RGBA', image.size, 'white')
        return Image.alpha_composite(white, image).convert('RGB')
    return image.convert('RGB')


def image_of_file(path: str, backend_args: dict | None = None) -> Image.Image:
    """Read an image file, as its camera was held.

    Raises:
        OSError: if it cannot be read, or is not an image.
        ValueError: if it has too many pixels.
    """
    content = get(os.fspath(path), backend_args=backend_args)
    check_pixels(content, most_pixels())
    image = Image.open(io.BytesIO(content))
    image.draft('RGB', (2 * SIDE, 2 * SIDE))  # decodes JPEG at a lower resolution
    return ImageOps.exif_transpose(image)


def image_of_array(array: Any, reverse: bool = False) -> Image.Image:
    """Make an image of pixels ``(H, W)``, ``(H, W, K)`` or ``(K, H, W)``.

    Args:
        array: pixels. Types other than uint8 are scaled from their smallest to their
            largest value. Of 2, or of more than 4 channels, the first is shown.
        reverse: whether the channels are blue, green, red.

    Raises:
        ValueError: if it has other dimensions.
    """
    pixels = np.asarray(array)
    if pixels.ndim == 3 and pixels.shape[-1] > 4 >= pixels.shape[0]:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f'pixels of shape {pixels.shape} are not an image')
    if pixels.ndim == 3 and pixels.shape[-1] not in (3, 4):
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and reverse:
        pixels = np.concatenate([pixels[..., 2::-1], pixels[..., 3:]], axis=-1)
    return Image.fromarray(np.ascontiguousarray(_bytes(pixels)))


def _bytes(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    values = np.nan_to_num(pixels.astype(np.float64))
    low, high = values.min(), values.max()
    return (255 * (values - low) / max(high - low, 1e-12)).round().astype(np.uint8)
