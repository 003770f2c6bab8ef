"""The pickled batches of CIFAR, read without running what else a pickle may hold."""

import io
import pickle
from typing import Any

import numpy as np

# What the pickle of an array names, under NumPy 1 and 2; got in a public way.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
ALLOWED = {
    ('numpy.core.multiarray', '_reconstruct'): _RECONSTRUCT,
    ('numpy._core.multiarray', '_reconstruct'): _RECONSTRUCT,
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
}
SIDE = 32  # pixels


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles plain Python values and NumPy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The function or class of this name, if an array needs it.

        Raises:
            pickle.UnpicklingError: if none does.
        """
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f'it names {module}.{name}') from None


def read_batch(
    name: str, content: bytes, label_key: str
) -> tuple[np.ndarray, list[int], list[str]]:
    """Images of one batch, as Python 2 has pickled them.

    Args:
        name: of the file, for messages.
        content: of the file; its checksum should have been verified.
        label_key: of the labels: ``'labels'`` or ``'fine_labels'``.

    Returns:
        Images ``(N, 32, 32, 3)`` uint8 RGB, labels and file names.

    Raises:
        ValueError: if it is not such a batch.
    """
    try:
        batch = ArrayUnpickler(io.BytesIO(content), encoding='latin1').load()
        data, labels, names = batch['data'], batch[label_key], batch['filenames']
        # A row an image: all of red, then green, then blue.
        images = data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        if data.dtype != np.uint8 or not len(images) == len(labels) == len(names):
            raise ValueError('its images, labels and names do not fit each other')
    except Exception as error:  # a damaged pickle raises almost anything
        raise ValueError(f'{name} is not a batch of CIFAR ({error}).') from error
    return images, labels, names
