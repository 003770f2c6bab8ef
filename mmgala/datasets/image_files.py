"""What is in an image file: its size, its kind, and whether it can be decoded."""

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

# Endings of images that both Pillow and OpenCV read.
ENDINGS = (
    *('.bmp', '.jfif', '.jpe', '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm'),
    *('.ppm', '.tif', '.tiff', '.webp'),
)
# Endings of images that have to be converted first.
OTHER_ENDINGS = (
    *('.avif', '.dib', '.gif', '.heic', '.heif', '.ico', '.jp2', '.jxl', '.psd'),
    *('.svg', '.tga'),
)
MAX_PIXELS = 200_000_000
# Modes of Pillow that OpenCV turns into three channels of 8 bits without loss.
PLAIN_MODES = ('RGB', 'L', '1', 'P', 'CMYK', 'YCbCr')
ALPHA_MODES = ('RGBA', 'LA', 'PA', 'La', 'RGBa')
# Errors of Pillow for broken or huge files.
BROKEN = (
    *(OSError, EOFError, SyntaxError, ValueError, struct.error, zlib.error),
    *(Image.DecompressionBombError, MemoryError, IndexError, OverflowError),
)


@dataclass(frozen=True)
class ImageFile:
    """What was found in a file.

    Attributes:
        width: in pixels; 0 if it is unknown.
        height: in pixels; 0 if it is unknown.
        kind: ``'plain'``, ``'alpha'`` (transparency, which is ignored) or ``'deep'``
            (more than 8 bits per channel, of which 8 are used); empty if it is broken.
        digest: of the content; equal files have equal digests.
        problem: why it cannot be used, in a few words; empty if it can.
    """

    width: int
    height: int
    kind: str
    digest: str
    problem: str = ''


def read_image_file(path: str | Path) -> ImageFile:
    """Decode an image file completely, and describe it.

    Truncated files count as broken, although OpenCV would fill them up with grey.

    Examples:
        >>> read_image_file('missing.png').problem
        'No such file or directory'
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        return ImageFile(0, 0, '', '', error.strerror or str(error))
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    if not content:
        return ImageFile(0, 0, '', digest, 'the file is empty')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about metadata, and large images
            image = Image.open(io.BytesIO(content))
            width, height = image.size
            if width * height > MAX_PIXELS:
                reason = f'{width} x {height} pixels are too many'
                return ImageFile(width, height, '', digest, reason)
            image.load()
    except UnidentifiedImageError:
        return ImageFile(0, 0, '', digest, 'the file is not an image')
    except BROKEN as error:
        return ImageFile(0, 0, '', digest, _reason(error))
    kind = 'plain' if image.mode in PLAIN_MODES else 'deep'
    if image.mode in ALPHA_MODES:
        kind = 'alpha'
    problem = '' if kind == 'plain' else _problem_of_opencv(content)
    return ImageFile(width, height, kind if not problem else '', digest, problem)


def _reason(error: Exception) -> str:
    text = ' '.join(str(error).split())
    return text[:100] or type(error).__name__


def _problem_of_opencv(content: bytes) -> str:
    """Why OpenCV, which trainings read images with, does not; empty if it does."""
    import cv2
    import numpy as np

    level = cv2.getLogLevel()
    cv2.setLogLevel(0)  # it would print warnings of its own
    try:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        return _reason(error)
    finally:
        cv2.setLogLevel(level)
    return '' if found is not None else 'OpenCV cannot decode it: convert it to PNG'
