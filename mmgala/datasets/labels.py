"""Labels of any MMEngine data set, wrapped or not, and what is counted on them."""

from typing import Any

import numpy as np
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset


def holds_instances(dataset: Any) -> bool:
    """Whether it is a detection data set: its samples' information has `instances`.

    Args:
        dataset: any; MMDetection's have them, also within MMEngine's wrappers.
    """
    while True:
        if isinstance(dataset, ConcatDataset):
            dataset = dataset.datasets[0]
        elif _is_wrapper(dataset):
            dataset = dataset.dataset
        else:
            break
    if hasattr(dataset, 'get_gt_labels'):  # MMPretrain's: one label a sample
        return False
    if not hasattr(dataset, 'get_data_info') or not len(dataset):
        return False
    info = dataset.get_data_info(0)
    return isinstance(info, dict) and isinstance(info.get('instances'), list)


def instance_labels(dataset: Any) -> list[np.ndarray]:
    """Labels of each sample's instances, as often as an epoch shows the sample.

    Instances with a true ``ignore_flag``, such as crowds, are no training samples,
    and are left out.

    Args:
        dataset: a detection data set (:func:`holds_instances`), or MMEngine's
            ``ConcatDataset``, ``RepeatDataset`` or ``ClassBalancedDataset`` or
            MMDetection's ``MultiImageMixDataset`` of such.

    Returns:
        As many arrays as the data set has samples; int64, some may be empty.
    """
    if isinstance(dataset, ConcatDataset):
        return [labels for part in dataset.datasets for labels in instance_labels(part)]
    if isinstance(dataset, RepeatDataset):
        return instance_labels(dataset.dataset) * dataset.times
    if isinstance(dataset, ClassBalancedDataset):
        inner = instance_labels(dataset.dataset)
        return [inner[i] for i in dataset.repeat_indices]
    if _is_wrapper(dataset):
        return instance_labels(dataset.dataset)
    return [_labels_of(dataset.get_data_info(i)) for i in range(len(dataset))]


def _labels_of(info: dict[str, Any]) -> np.ndarray:
    labels = [
        instance['bbox_label']
        for instance in info['instances']
        if not instance.get('ignore_flag')
    ]
    return np.array(labels, dtype=np.int64)


def _is_wrapper(dataset: Any) -> bool:
    if isinstance(dataset, (RepeatDataset, ClassBalancedDataset)):
        return True
    # MMDetection's MultiImageMixDataset, whose samples are those of the one inside.
    if not hasattr(dataset, 'dataset') or hasattr(dataset, 'get_data_info'):
        return False
    return len(dataset.dataset) == len(dataset)


def dataset_labels(dataset: Any) -> np.ndarray:
    """Label of each sample of a single-label data set.

    Args:
        dataset: an MMPretrain data set, anything with its ``get_gt_labels`` or
            ``get_cat_ids``, or MMEngine's ``ConcatDataset`` or ``RepeatDataset`` of
            such.

    Returns:
        ``(N,)`` int64.

    Raises:
        TypeError: if the data set does not tell its labels.
        ValueError: if a sample has no label, or several.
    """
    if isinstance(dataset, ConcatDataset):
        return np.concatenate([dataset_labels(part) for part in dataset.datasets])
    if isinstance(dataset, RepeatDataset):
        return np.tile(dataset_labels(dataset.dataset), dataset.times)
    if hasattr(dataset, 'get_gt_labels'):
        labels = _labels_from_gt_labels(dataset)
    elif hasattr(dataset, 'get_cat_ids'):
        labels = _labels_from_cat_ids(dataset)
    else:
        raise TypeError(
            f'Expected {type(dataset).__name__} to tell its labels by `get_gt_labels` '
            '(as MMPretrain data sets do) or `get_cat_ids`, but it has neither.'
        )
    if labels.ndim != 1 or labels.dtype.kind not in 'iu':
        raise ValueError(
            f'Expected one integer label per sample, but the labels of '
            f'{type(dataset).__name__} have shape {labels.shape} and type '
            f'{labels.dtype}: multi-label data sets are not supported.'
        )
    return labels.astype(np.int64)


def _labels_from_gt_labels(dataset: Any) -> np.ndarray:
    name = type(dataset).__name__
    try:
        return np.asarray(dataset.get_gt_labels())
    except KeyError as error:
        raise ValueError(
            f'Expected one label per sample, but {name} has samples without '
            f'{error}: train on labelled data.'
        ) from error
    except ValueError as error:  # lists of several lengths make no array
        raise ValueError(
            f'Expected one label per sample, but samples of {name} have several: '
            'multi-label data sets are not supported.'
        ) from error


def _labels_from_cat_ids(dataset: Any) -> np.ndarray:
    ids = [dataset.get_cat_ids(i) for i in range(len(dataset))]
    for index, cat_ids in enumerate(ids):
        if len(cat_ids) != 1:
            raise ValueError(
                f'Expected one label per sample, but sample {index} of '
                f'{type(dataset).__name__} has {len(cat_ids)}: multi-label data sets '
                'are not supported.'
            )
    return np.array([cat_ids[0] for cat_ids in ids], dtype=np.int64)


def count_classes(dataset: Any, num_classes: int | None = None) -> list[int]:
    """Samples per class, with every label checked; of detection data sets, instances.

    A sample counts as often as an epoch shows it under ``RepeatDataset`` or
    ``ClassBalancedDataset``.

    Args:
        dataset: see :func:`dataset_labels`; or a detection data set, see
            :func:`mmgala.datasets.labels.instance_labels`.
        num_classes: C. Defaults to the number of ``metainfo['classes']``, or else to
            the largest label plus one.

    Returns:
        C counts.

    Raises:
        ValueError: if a label is negative or not below ``num_classes``.
    """
    labels, sample, what = _labels_and_samples(dataset)
    if num_classes is None:
        num_classes = len(class_names(dataset)) or None
    bad = labels < 0
    if num_classes is not None:
        bad |= labels >= num_classes
    if bad.any():
        first = int(bad.argmax())
        index = int(sample[first])
        limit = f'{num_classes - 1}' if num_classes else 'the number of classes'
        raise ValueError(
            f'Expected labels between 0 and {limit}, but sample {index} of '
            f'{type(dataset).__name__} has label {labels[first]}'
            f'{_where(dataset, index)} ({int(bad.sum())} such {what}). Check the '
            'annotations, or `num_classes` and `classes` in the config.'
        )
    return np.bincount(labels, minlength=num_classes or 0).tolist()


def class_names(dataset: Any) -> tuple[str, ...]:
    """Names in a data set's ``metainfo['classes']``, if there are any."""
    metainfo = getattr(dataset, 'metainfo', None) or {}
    if isinstance(metainfo, list):  # MMDetection's ConcatDataset has one of each part
        metainfo = metainfo[0]
    return tuple(map(str, metainfo.get('classes') or ()))


def _labels_and_samples(dataset: Any) -> tuple[np.ndarray, np.ndarray, str]:
    """Labels, the sample that each is of, and what they are labels of."""
    if not holds_instances(dataset):
        labels = dataset_labels(dataset)
        return labels, np.arange(len(labels)), 'samples'
    of_each = instance_labels(dataset)
    sample = np.repeat(np.arange(len(of_each)), list(map(len, of_each)))
    return np.concatenate(of_each), sample, 'instances'


def _where(dataset: Any, index: int) -> str:
    """Path of a sample's image in brackets, where it has one."""
    info = dataset.get_data_info(index) if hasattr(dataset, 'get_data_info') else {}
    return f' ({info["img_path"]})' if 'img_path' in info else ''


def rank_within_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Place of each sample in a seeded random order of its own class.

    Args:
        labels: ``(N,)`` integers.
        seed: of the order.

    Returns:
        ``(N,)``: 0 for the first sample of each class, 1 for the second, and so on.

    Examples:
        >>> rank_within_class(np.array([1, 0, 1, 1]), seed=0).tolist()
        [2, 0, 1, 0]
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    first = np.searchsorted(labels[order], labels[order])
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels)) - first
    return rank
