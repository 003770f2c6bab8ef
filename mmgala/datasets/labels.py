"""Labels and class counts of MMEngine data sets, including wrapped ones."""

from typing import Any

import numpy as np
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset


def dataset_labels(dataset: Any) -> np.ndarray:
    """Label of each sample of a single-label data set.

    Args:
        dataset: an MMPretrain data set; any data set with its ``get_gt_labels`` or
            ``get_cat_ids``; or MMEngine's ``ConcatDataset`` or ``RepeatDataset`` of
            those.

    Returns:
        ``(N,)`` int64 labels.

    Raises:
        TypeError: if the data set does not expose its labels.
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
            f'Expected a data set with `get_gt_labels` (as in MMPretrain) or '
            f'`get_cat_ids`, but {type(dataset).__name__} has neither.'
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
    except ValueError as error:  # lists of different lengths cannot form an array
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


def is_detection_dataset(dataset: Any) -> bool:
    """Whether the samples of a data set have ``instances``, as in MMDetection.

    Args:
        dataset: any data set, possibly inside MMEngine's or MMDetection's wrappers.
    """
    while True:
        if isinstance(dataset, ConcatDataset):
            dataset = dataset.datasets[0]
        elif _is_wrapper(dataset):
            dataset = dataset.dataset
        else:
            break
    if hasattr(dataset, 'get_gt_labels'):  # an MMPretrain data set
        return False
    if not hasattr(dataset, 'get_data_info') or not len(dataset):
        return False
    info = dataset.get_data_info(0)
    return isinstance(info, dict) and isinstance(info.get('instances'), list)


def instance_labels(dataset: Any) -> list[np.ndarray]:
    """Labels of the instances in each sample of a detection data set.

    Instances with a true ``ignore_flag``, such as crowds, are not trained on and are
    left out. A sample appears as often as it does in an epoch.

    Args:
        dataset: a detection data set (see :func:`is_detection_dataset`), or MMEngine's
            ``ConcatDataset``, ``RepeatDataset`` or ``ClassBalancedDataset`` or
            MMDetection's ``MultiImageMixDataset`` of detection data sets.

    Returns:
        One int64 array per sample, which may be empty.
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
    return [
        np.array(
            [
                instance['bbox_label']
                for instance in dataset.get_data_info(index)['instances']
                if not instance.get('ignore_flag')
            ],
            dtype=np.int64,
        )
        for index in range(len(dataset))
    ]


def _is_wrapper(dataset: Any) -> bool:
    if isinstance(dataset, (RepeatDataset, ClassBalancedDataset)):
        return True
    # MMDetection's MultiImageMixDataset has the same samples as the wrapped data set.
    if not hasattr(dataset, 'dataset') or hasattr(dataset, 'get_data_info'):
        return False
    return len(dataset.dataset) == len(dataset)


def class_names(dataset: Any) -> tuple[str, ...]:
    """Class names in a data set's ``metainfo['classes']``; empty if it has none."""
    metainfo = getattr(dataset, 'metainfo', None) or {}
    if isinstance(metainfo, list):  # MMDetection's ConcatDataset has one per part
        metainfo = metainfo[0]
    return tuple(map(str, metainfo.get('classes') or ()))


def count_classes(dataset: Any, num_classes: int | None = None) -> list[int]:
    """Count the samples of each class; in detection data sets, the instances.

    Samples that ``RepeatDataset`` or ``ClassBalancedDataset`` repeats are counted as
    often as they appear in an epoch. Every label is validated.

    Args:
        dataset: a data set accepted by :func:`dataset_labels` or
            :func:`instance_labels`.
        num_classes: number of classes, C. Defaults to the number of
            ``metainfo['classes']``, or else to the largest label plus one.

    Returns:
        C counts.

    Raises:
        ValueError: if a label is negative, or ``num_classes`` or more.
    """
    labels, samples, unit = _labels_and_samples(dataset)
    if num_classes is None:
        num_classes = len(class_names(dataset)) or None
    invalid = labels < 0
    if num_classes is not None:
        invalid |= labels >= num_classes
    if invalid.any():
        first = int(invalid.argmax())
        index = int(samples[first])
        limit = f'{num_classes - 1}' if num_classes else 'the number of classes'
        raise ValueError(
            f'Expected labels between 0 and {limit}, but sample {index} of '
            f'{type(dataset).__name__} has label {labels[first]}'
            f'{_image_path(dataset, index)} ({int(invalid.sum())} {unit} are out of '
            'range). Check the annotations, or `num_classes` and `classes` in the '
            'config.'
        )
    return np.bincount(labels, minlength=num_classes or 0).tolist()


def _labels_and_samples(dataset: Any) -> tuple[np.ndarray, np.ndarray, str]:
    """Labels, the index of the sample of each, and what is labelled (plural)."""
    if not is_detection_dataset(dataset):
        labels = dataset_labels(dataset)
        return labels, np.arange(len(labels)), 'samples'
    per_sample = instance_labels(dataset)
    samples = np.repeat(np.arange(len(per_sample)), list(map(len, per_sample)))
    return np.concatenate(per_sample), samples, 'instances'


def _image_path(dataset: Any, index: int) -> str:
    """Path of a sample's image in parentheses, or an empty string."""
    info = dataset.get_data_info(index) if hasattr(dataset, 'get_data_info') else {}
    return f' ({info["img_path"]})' if 'img_path' in info else ''


def random_rank_in_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Rank of each sample in a random order of the samples of its class.

    Args:
        labels: ``(N,)`` integer labels.
        seed: seed of the random order.

    Returns:
        ``(N,)`` int64 ranks: in each class, a permutation of 0, 1, 2, ...

    Examples:
        >>> random_rank_in_class(np.array([1, 0, 1, 1]), seed=0).tolist()
        [2, 0, 1, 0]
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    first = np.searchsorted(labels[order], labels[order])
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels)) - first
    return rank
