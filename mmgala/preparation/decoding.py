"""Image files to arrays, with a look at the header before anything is decoded."""

import io
import struct
import warnings
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, UnidentifiedImageError

# What Pillow raises on a broken or a huge file.
BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def decode(
    name: str, content: bytes, kind: str, modes: Sequence[str], most: int
) -> Image.Image:
    """Decode an image file whose header says that it is as expected.

    Args:
        name: of the file, for messages.
        content: of the file.
        kind: ``'PNG'`` or ``'JPEG'``; nothing else is read.
        modes: that the image may have, as Pillow names them.
        most: pixels that the longer side may have.

    Raises:
        ValueError: if the image is of another kind or mode, is larger, or is broken.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error', Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=[kind])
        if max(image.size) > most or image.mode not in modes:
            raise ValueError(
                f'it is {image.mode} and {image.width} x {image.height} pixels large, '
                f'where {" or ".join(modes)} and at most {most} x {most} are expected'
            )
        image.load()
    except UnidentifiedImageError as error:
        raise ValueError(f'{name} is not a {kind} image.') from error
    except BROKEN as error:
        raise ValueError(f'{name} cannot be used: {error}.') from error
    return image


def as_square(image: Image.Image, size: int, fill: int = 255) -> np.ndarray:
    """Grey image in the middle of a square, shrunk where it is larger.

    The aspect ratio stays, and so does the scale of an image that fits.

    Args:
        image: of any size and mode.
        size: side of the square.
        fill: grey level around the image.

    Returns:
        ``(size, size)`` uint8.
    """
    grey = image.convert('L')
    longest = max(grey.size)
    if longest > size:
        width, height = (max(1, round(side * size / longest)) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new('L', (size, size), fill)
    square.paste(grey, ((size - grey.width) // 2, (size - grey.height) // 2))
    return np.asarray(square)
