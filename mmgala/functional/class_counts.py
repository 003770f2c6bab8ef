"""Class counts from labels, or from the data set of any PyTorch training loop."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset

from mmgala.functional.checks import check_num_classes

# Attributes that hold the labels of torchvision's data sets and of many others.
LABEL_ATTRIBUTES = ('targets', 'labels')
# Keys and columns of a label in samples that are dictionaries.
LABEL_KEYS = ('label', 'labels', 'target', 'targets', 'gt_label')


def class_counts_of(data: Any, num_classes: int) -> Tensor:
    """Count the samples of each class, for the ``class_counts`` of a loss.

    Labels are read, in this order, from

    * a tensor, array, series or list of labels;
    * ``Subset``, ``ConcatDataset`` and ``TensorDataset`` (its last tensor) of PyTorch;
    * the attribute ``targets`` or ``labels`` of a data set, if it has one value for
      each sample; a ``target_transform`` is applied;
    * ``get_cat_ids(i)``, as in OpenMMLab;
    * a column ``label`` or ``labels``, as in Hugging Face's data sets;
    * the samples themselves, ``(input, label, ...)`` or a mapping with such a key. This
      loads every sample once.

    Args:
        data: labels, a data set, or any iterable of samples.
        num_classes: C, the number of classes. It is not taken from the labels, where
            the last classes may be missing.

    Returns:
        ``(C,)`` int64.

    Raises:
        TypeError: if the labels of a data set cannot be found, or are not integers.
        ValueError: if a label is out of range, a sample has several labels, there are
            no samples, or C numbers are passed that may be counts already.

    Examples:
        >>> class_counts_of([0, 2, 0, 0, 1], num_classes=4)
        tensor([3, 1, 1, 0])
        >>> inputs, labels = torch.zeros(5, 3), torch.tensor([0, 2, 0, 0, 1])
        >>> class_counts_of(torch.utils.data.TensorDataset(inputs, labels), 4)
        tensor([3, 1, 1, 0])
    """
    check_num_classes(num_classes)
    given = _plain_labels(data)
    if given is not None and len(given) == num_classes:
        raise ValueError(
            f'Expected labels of the training samples, but {num_classes} numbers for '
            f'{num_classes} classes may be counts already: {given.tolist()[:5]}. Pass '
            'counts to the loss as they are, and labels with their data set.'
        )
    labels = _labels_of(data) if given is None else given
    if len(labels) == 0:
        raise ValueError('Expected labels to count, but there are no samples.')
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise ValueError(
            f'Expected labels between 0 and {num_classes - 1} ({num_classes} classes), '
            f'but got {low if low < 0 else high}. If these are class counts, pass them '
            'to the loss as they are.'
        )
    return torch.bincount(labels, minlength=num_classes)


def _plain_labels(data: Any) -> Tensor | None:
    """Labels ``(N,)`` that are passed without a data set; None for a data set."""
    if isinstance(data, Tensor) or (hasattr(data, 'dtype') and hasattr(data, 'tolist')):
        return _as_labels(data)
    if isinstance(data, (list, tuple, range)) and not any(map(_is_sample, data[:1])):
        return _as_labels(data)
    return None


def _is_sample(item: Any) -> bool:
    return isinstance(item, (tuple, list, Mapping))


def _labels_of(dataset: Any) -> Tensor:
    """Labels of the samples of a data set, ``(N,)`` int64."""
    if isinstance(dataset, DataLoader):
        raise TypeError(
            'Expected labels or a data set, but got a DataLoader, whose sampler may '
            'choose among the samples: pass `loader.dataset`.'
        )
    if isinstance(dataset, Subset):
        return _labels_of(dataset.dataset)[torch.as_tensor(dataset.indices).long()]
    if isinstance(dataset, ConcatDataset):
        return torch.cat([_labels_of(part) for part in dataset.datasets])
    if isinstance(dataset, TensorDataset):
        return _as_labels(dataset.tensors[-1])
    for found in (_stored_labels, _category_labels, _column_labels):
        if (labels := found(dataset)) is not None:
            return labels
    if isinstance(dataset, Iterable) or hasattr(dataset, '__getitem__'):
        return _as_labels([_label_of(sample, dataset) for sample in _samples(dataset)])
    raise TypeError(
        f'Expected labels or a data set, but got {type(dataset).__name__}: pass a list '
        'of the labels of the training samples.'
    )


def _stored_labels(dataset: Any) -> Tensor | None:
    """Labels in an attribute, if there is one for each sample."""
    transform = getattr(dataset, 'target_transform', None)
    for name in LABEL_ATTRIBUTES:
        stored: Any = getattr(dataset, name, None)
        if not hasattr(stored, '__len__') or not hasattr(dataset, '__len__'):
            continue
        if len(stored) == len(dataset):
            if transform is not None:
                stored = [transform(label) for label in stored]
            return _as_labels(stored)
    return None


def _category_labels(dataset: Any) -> Tensor | None:
    """Labels by the method of OpenMMLab's data sets."""
    if not hasattr(dataset, 'get_cat_ids'):
        return None
    labels = [list(dataset.get_cat_ids(i)) for i in range(len(dataset))]
    for i, ids in enumerate(labels):
        if len(ids) != 1:
            raise ValueError(
                f'Expected one label for each sample, but sample {i} of '
                f'{type(dataset).__name__} has {len(ids)}: count the classes yourself, '
                'and pass the counts to the loss.'
            )
    return _as_labels([ids[0] for ids in labels])


def _column_labels(dataset: Any) -> Tensor | None:
    """Labels in a column of a table, as in Hugging Face's data sets."""
    columns = getattr(dataset, 'column_names', None)
    if not isinstance(columns, list):
        return None
    found = [key for key in LABEL_KEYS if key in columns]
    return _as_labels(list(dataset[found[0]])) if found else None


def _samples(dataset: Any) -> Iterable:
    """Samples of a data set; PyTorch's need neither an iterator nor an end."""
    if hasattr(dataset, '__iter__') or not hasattr(dataset, '__len__'):
        return dataset
    return (dataset[i] for i in range(len(dataset)))


def _label_of(sample: Any, dataset: Any) -> Any:
    """Label of a sample ``(input, label, ...)`` or ``{'label': ...}``."""
    if isinstance(sample, Mapping):
        found = [key for key in LABEL_KEYS if key in sample]
        if found:
            return sample[found[0]]
    elif isinstance(sample, (tuple, list)) and len(sample) > 1:
        return sample[1]
    elif isinstance(sample, Integral) or getattr(sample, 'ndim', None) == 0:
        return sample
    raise TypeError(
        f'Expected samples (input, label) or mappings with a key `label`, but those of '
        f'{type(dataset).__name__} are {type(sample).__name__}: pass a list of the '
        'labels of the training samples.'
    )


def _as_labels(values: Any) -> Tensor:
    """Labels ``(N,)`` in int64, from whatever holds them.

    Raises:
        TypeError: if they are not integers by type.
        ValueError: if there are several for each sample.
    """
    try:
        labels = _as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        strange = next((v for v in values if not isinstance(v, Integral)), values)
        raise TypeError(
            f'Expected labels to be class indices, but got {strange!r:.80}: number the '
            'classes from 0.'
        ) from error
    if labels.ndim != 1:
        raise ValueError(
            f'Expected one label for each sample, but got shape {tuple(labels.shape)}: '
            'of soft or one-hot labels, pass `labels.argmax(1)`.'
        )
    if labels.is_floating_point() and len(labels):
        raise TypeError(
            f'Expected labels to be class indices, but got {labels.dtype} numbers such '
            f'as {float(labels[0]):g}: convert labels to integers. Shares and soft '
            'labels cannot be counted.'
        )
    return labels.long()


def _as_tensor(values: Any) -> Tensor:
    if hasattr(values, 'to_numpy'):  # a column of a table
        values = values.to_numpy()
    if not hasattr(values, 'dtype'):
        values = [v.item() if hasattr(v, 'item') else v for v in values]
    return torch.as_tensor(values, device='cpu')
