"""Labels of the annotated instances of detection data sets."""

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
