"""What one epoch of a data set inside wrappers consists of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset


@dataclass(frozen=True)
class EpochSamples:
    """The samples of one epoch, as the wrappers present them.

    Attributes:
        sources: the data sets without their wrappers, each once.
        source: index into ``sources`` of each draw, ``(M,)`` int64.
        index: index of each draw's sample in its source, ``(M,)`` int64.
    """

    sources: list[Any]
    source: np.ndarray
    index: np.ndarray

    def take(self, positions: Any) -> 'EpochSamples':
        """The draws at some positions of this epoch."""
        positions = np.asarray(positions, dtype=np.int64)
        return EpochSamples(self.sources, self.source[positions], self.index[positions])

    @property
    def is_plain(self) -> bool:
        """Whether each sample of one data set is drawn once, in order."""
        plain = len(self.sources) == 1 and len(self.index) == len(self.sources[0])
        return plain and np.array_equal(self.index, np.arange(len(self.index)))

    def of_each(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Value of each draw, ``(M,)`` int64.

        Args:
            values: values of the samples of each source, ``(N,)``.
        """
        if self.is_plain:
            return values[0]
        result = np.empty(len(self.index), dtype=np.int64)
        for number, of_source in enumerate(values):
            mine = self.source == number
            result[mine] = of_source[self.index[mine]]
        return result


def epoch_samples(dataset: Any) -> EpochSamples:
    """Trace each sample of an epoch back through the wrappers.

    Args:
        dataset: any data set, possibly inside MMEngine's ``ConcatDataset``,
            ``RepeatDataset`` or ``ClassBalancedDataset``; inside a wrapper with
            ``dataset`` and ``indices``, such as PyTorch's ``Subset`` and
            :class:`mmgala.datasets.LongTailedDataset`; inside MMEngine's slice by
            ``num_batch_per_epoch``; or inside a wrapper without annotations of its own
            that is as long as its ``dataset``. Anything else is a source.
    """
    if isinstance(dataset, ConcatDataset):
        return _joined([epoch_samples(part) for part in dataset.datasets])
    if {'_dataset', '_length'} <= set(getattr(dataset, '__dict__', ())):
        return epoch_samples(dataset._dataset).take(np.arange(len(dataset)))
    inner = getattr(dataset, 'dataset', None)
    if inner is not None and hasattr(dataset, 'full_init'):
        dataset.full_init()  # wrappers choose their samples here
    if isinstance(dataset, RepeatDataset):
        inside = epoch_samples(inner)
        return inside.take(np.tile(np.arange(len(inside.index)), dataset.times))
    if isinstance(dataset, ClassBalancedDataset):
        return epoch_samples(inner).take(dataset.repeat_indices)
    if inner is not None and hasattr(dataset, 'indices'):
        return epoch_samples(inner).take(dataset.indices)
    if inner is not None and not hasattr(dataset, 'get_data_info'):
        inside = epoch_samples(inner)
        if len(inside.index) == len(dataset):
            return inside
    index = np.arange(len(dataset))
    return EpochSamples([dataset], np.zeros_like(index), index)


def _joined(parts: Sequence[EpochSamples]) -> EpochSamples:
    """One part after the other; a source that several parts share is kept once."""
    sources: dict[int, Any] = {id(s): s for part in parts for s in part.sources}
    number = {key: n for n, key in enumerate(sources)}
    renumbered = [
        np.array([number[id(s)] for s in part.sources])[part.source] for part in parts
    ]
    return EpochSamples(
        list(sources.values()),
        np.concatenate(renumbered),
        np.concatenate([part.index for part in parts]),
    )
