"""A limit on the number of pixels of images, checked before they are decoded.

A file of 130 kB can decode to gigabytes.
"""

import functools
import io
import os
import re
from typing import Any

from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 200_000_000
MAX_PIXELS_VARIABLE = 'MMGALA_MAX_IMAGE_PIXELS'


def limit_image_sizes() -> None:
    """Let mmcv, with any backend, refuse images that have too many pixels.

    The limit is 200 million, or ``MMGALA_MAX_IMAGE_PIXELS`` of the environment. Loader
    workers inherit the change from the process that forks them.

    Raises:
        ValueError: if the variable is not a positive integer.
    """
    # Imported late, as not all programs load images.
    import mmcv
    import mmcv.image.io

    most = most_pixels()
    Image.MAX_IMAGE_PIXELS = most  # for programs that call Pillow
    decode = mmcv.image.io.imfrombytes
    if hasattr(decode, '__wrapped__'):
        return

    @functools.wraps(decode)
    def imfrombytes(content: bytes, *args: Any, **kwargs: Any) -> Any:
        check_pixels(content, most)
        return decode(content, *args, **kwargs)

    for module in (mmcv, mmcv.image, mmcv.image.io):
        module.imfrombytes = imfrombytes


def check_pixels(content: bytes, most: int) -> None:
    """Check the size in the header of an image file.

    Formats that Pillow does not know are left to their decoders.

    Args:
        content: content of the file.
        most: largest number of pixels.

    Raises:
        ValueError: if it has more.
    """
    try:
        width, height = Image.open(io.BytesIO(content)).size
    except Image.DecompressionBombError as error:
        found = re.search(r'\d+', str(error))
        pixels = f'{int(found[0]):,}' if found else 'too many'
        raise ValueError(_too_large(f'Image of {pixels} pixels', most)) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return
    if width * height > most:
        raise ValueError(_too_large(f'Image of {width} x {height} pixels', most))


def _too_large(what: str, most: int) -> str:
    return (
        f'{what} is too large: at most {most:,} pixels are decoded. Check the file, or '
        f'set {MAX_PIXELS_VARIABLE}.'
    )


def most_pixels() -> int:
    """The largest number of pixels of an image, see :func:`limit_image_sizes`."""
    text = os.environ.get(MAX_PIXELS_VARIABLE, str(MAX_PIXELS))
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(
            f'{MAX_PIXELS_VARIABLE} must be a positive integer, but is {text!r}.'
        )
    return int(text)
