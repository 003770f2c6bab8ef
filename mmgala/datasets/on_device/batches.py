"""The batches of an epoch, cut from large augmented chunks."""

from collections.abc import Iterator, Sequence

import numpy as np

from mmgala.datasets.on_device.images import DeviceImages
from mmgala.datasets.on_device.translation import Augmentation


def epoch_batches(
    data: DeviceImages,
    augmentation: Augmentation,
    batches: Sequence[Sequence[int]],
    rng: np.random.Generator,
    skipped: int = 0,
    chunk_size: int = 4096,
) -> Iterator[dict]:
    """Yield batches as MMPretrain's data preprocessor takes them.

    Many batches are augmented together, which costs hardly more than one: on a GPU, the
    number of operations counts, not their size.

    Args:
        data: images to draw from, on the device of ``augmentation``.
        augmentation: what to do with them.
        batches: indices of each batch.
        rng: source of all random choices of the epoch.
        skipped: images of the epoch that came before ``batches``. Their choices are
            drawn as well, so that the others are the same as in a whole epoch.
        chunk_size: images to augment at a time, rounded down to whole batches; at least
            one batch.

    Yields:
        ``inputs``, ``(N, C, H, W)`` uint8, and ``data_samples``, a list.
    """
    lengths = [len(batch) for batch in batches]
    draws = augmentation.draw(rng, skipped + sum(lengths))
    together = max(1, chunk_size // max(lengths, default=1))
    end = skipped
    for first in range(0, len(batches), together):
        chunk = batches[first : first + together]
        start, end = end, end + sum(map(len, chunk))
        images = augmentation(
            data.images(np.concatenate(chunk)), [draw[start:end] for draw in draws]
        )
        parts = images.split(lengths[first : first + together])
        for batch, inputs in zip(chunk, parts, strict=True):
            yield dict(inputs=inputs, data_samples=data.samples(batch))
