"""Say which image file is broken."""

import functools
from typing import Any

from mmcv.transforms import LoadImageFromFile


def name_unreadable_images() -> None:
    """Let every error of mmcv's image loading name the file.

    mmcv names it where a decoder yields nothing. For an empty file OpenCV, and for
    most broken files Pillow, raise errors without it: useless among a million images.
    Loader workers inherit this from the process that forks them.
    """
    load = LoadImageFromFile.transform
    if hasattr(load, '__wrapped__'):
        return

    @functools.wraps(load)
    def transform(self: LoadImageFromFile, results: dict) -> Any:
        try:
            return load(self, results)
        except Exception as error:
            path = str(results.get('img_path'))
            if path in str(error):
                raise
            reason = ' '.join(str(error).split()) or type(error).__name__
            raise OSError(f'Image {path} cannot be read: {reason}') from error

    LoadImageFromFile.transform = transform
