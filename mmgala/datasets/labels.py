"""Labels and class counts of MMEngine data sets, including wrapped ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmgala.datasets.epoch_samples import EpochSamples, epoch_samples
from mmgala.datasets.sample_identity import (
    image_ids,
    instance_ids,
    trained_instances,
)


@dataclass(frozen=True)
class ClassCounts:
    """Training samples of each class, counted in two ways that differ under wrappers.

    Shot groups, metrics and reports are about how much data there is, so they use
    ``images``. Losses and logit adjustment correct for the class prior of the samples
    that the model is fitted to, so they use ``draws``: under ``ClassBalancedDataset``,
    the scores follow the prior of the repeated samples, and a correction by the images
    would favour the rare classes twice. Margins and weights that depend on ratios
    of the counts (LDAM, GCL, label-aware smoothing) do not change if all samples are
    repeated equally often; the effective number of samples does.

    A sampler chooses among the draws. What it chooses is in neither count: a loss that
    corrects for the class prior should not be combined with class-balanced sampling.

    Attributes:
        images: distinct images of each class; in detection data sets, instances.
        draws: samples of each class in one epoch, as the wrappers present them; in
            detection data sets, instances.
    """

    images: list[int]
    draws: list[int]


def dataset_labels(dataset: Any) -> np.ndarray:
    """Label of each sample of a single-label data set.

    Args:
        dataset: an MMPretrain data set; any data set with its ``get_gt_labels`` or
            ``get_cat_ids``; or wrappers of those, see
            :func:`mmgala.datasets.epoch_samples.epoch_samples`.

    Returns:
        ``(N,)`` int64 labels. Samples that a wrapper repeats are there each time.

    Raises:
        TypeError: if the data set does not expose its labels.
        ValueError: if a sample has no label, or several.
    """
    return _epoch_labels(epoch_samples(dataset))


def _epoch_labels(epoch: EpochSamples) -> np.ndarray:
    return epoch.of_each([_source_labels(source) for source in epoch.sources])


def _source_labels(dataset: Any) -> np.ndarray:
    """Labels of a data set without wrappers."""
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
    source = epoch_samples(dataset).sources[0]
    if hasattr(source, 'get_gt_labels'):  # an MMPretrain data set
        return False
    if not hasattr(source, 'get_data_info') or not len(source):
        return False
    info = source.get_data_info(0)
    return isinstance(info, dict) and isinstance(info.get('instances'), list)


def instance_labels(dataset: Any) -> list[np.ndarray]:
    """Labels of the instances in each sample of a detection data set.

    Instances with a true ``ignore_flag``, such as crowds, are not trained on and are
    left out. A sample appears as often as it does in an epoch.

    Args:
        dataset: a detection data set, possibly in wrappers; see
            :func:`is_detection_dataset`.

    Returns:
        One int64 array per sample, which may be empty.
    """
    epoch = epoch_samples(dataset)
    return _per_draw(epoch, [_source_instances(source) for source in epoch.sources])


def _source_instances(source: Any) -> list[np.ndarray]:
    infos = (source.get_data_info(index) for index in range(len(source)))
    labels = ([i['bbox_label'] for i in trained_instances(info)] for info in infos)
    return [np.array(each, dtype=np.int64) for each in labels]


def _per_draw(
    epoch: EpochSamples, values: Sequence[Sequence[np.ndarray]]
) -> list[np.ndarray]:
    """Arrays of each draw, from those of the samples of each source."""
    pairs = zip(epoch.source.tolist(), epoch.index.tolist(), strict=True)
    return [values[source][index] for source, index in pairs]


def class_names(dataset: Any) -> tuple[str, ...]:
    """Class names in a data set's ``metainfo['classes']``; empty if it has none."""
    metainfo = getattr(dataset, 'metainfo', None) or {}
    if isinstance(metainfo, list):  # MMDetection's ConcatDataset has one per part
        metainfo = metainfo[0]
    return tuple(map(str, metainfo.get('classes') or ()))


def count_classes(dataset: Any, num_classes: int | None = None) -> list[int]:
    """Count the distinct images of each class; in detection data sets, the instances.

    Images that wrappers repeat, as ``RepeatDataset`` and ``ClassBalancedDataset`` do,
    or that several data sets contain, count once; :func:`count_draws` counts the
    samples of an epoch. Every label is validated.

    Args:
        dataset: a data set accepted by :func:`dataset_labels` or
            :func:`instance_labels`. For what is the same image, see
            :func:`mmgala.datasets.sample_identity.image_ids`.
        num_classes: number of classes, C. Defaults to the number of
            ``metainfo['classes']``, or else to the largest label plus one.

    Returns:
        C counts.

    Raises:
        ValueError: if a label is negative, or ``num_classes`` or more.
    """
    return count_images_and_draws(dataset, num_classes).images


def count_draws(dataset: Any, num_classes: int | None = None) -> list[int]:
    """Count the samples of each class in one epoch; in detection, the instances.

    A sample counts as often as wrappers such as ``RepeatDataset`` and
    ``ClassBalancedDataset`` present it; see :class:`ClassCounts` for who needs that.

    Args:
        dataset: see :func:`count_classes`.
        num_classes: see there.

    Returns:
        C counts.

    Raises:
        ValueError: see :func:`count_classes`.
    """
    return count_images_and_draws(dataset, num_classes).draws


def count_images_and_draws(dataset: Any, num_classes: int | None = None) -> ClassCounts:
    """Both counts; arguments and errors are those of :func:`count_classes`."""
    epoch = epoch_samples(dataset)
    if num_classes is None:
        num_classes = len(class_names(dataset)) or None
    if is_detection_dataset(dataset):
        per_sample = instance_labels(dataset)
        labels = np.concatenate(per_sample)
        samples = np.repeat(np.arange(len(per_sample)), list(map(len, per_sample)))
        _check_labels(dataset, labels, samples, num_classes, 'instances')
        ids = np.concatenate(_per_draw(epoch, instance_ids(epoch.sources)))
    else:
        labels = _epoch_labels(epoch)
        samples = np.arange(len(labels))
        _check_labels(dataset, labels, samples, num_classes, 'samples')
        ids = epoch.of_each(image_ids(epoch.sources))
    draws = np.bincount(labels, minlength=num_classes or 0)
    base = int(ids.max(initial=0)) + 1
    distinct = np.unique(labels * base + ids) // base
    images = np.bincount(distinct, minlength=len(draws))
    return ClassCounts(images.tolist(), draws.tolist())


def _check_labels(
    dataset: Any,
    labels: np.ndarray,
    samples: np.ndarray,
    num_classes: int | None,
    unit: str,
) -> None:
    """Check that labels are in range.

    Args:
        dataset: data set, for the error message.
        labels: labels, ``(M,)``.
        samples: index of the sample of each label, ``(M,)``.
        num_classes: number of classes, or None if it is unknown.
        unit: what is labelled, in the plural.
    """
    invalid = labels < 0
    if num_classes is not None:
        invalid |= labels >= num_classes
    if not invalid.any():
        return
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
