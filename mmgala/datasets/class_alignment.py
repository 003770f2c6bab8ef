"""Labels of any data set as indices into the training classes, by class name.

A label is a position in a list of class names. Each data set makes its own list, often
from what it finds: a validation folder without images of a rare class has a shorter
list than the training folder, and its labels mean other classes. :func:`align_classes`
re-labels such a data set.
"""

import logging
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmgala.datasets.coco_categories import require_category_order
from mmgala.datasets.labels import (
    class_names,
    dataset_labels,
    instance_labels,
    is_detection_dataset,
)
from mmgala.utils.class_names import comparable_name, is_numbering, list_names

# Lists in `metainfo` with a value per class, next to `classes`.
PER_CLASS = ('class_counts', 'class_draws', 'frequency', 'palette')
# What messages call the split of a config.
PARTS = dict(train='the training set', val='the validation set', test='the test set')
_REFUSAL = (
    'Classes of {part} have another order than the training classes, and the labels of '
    '{kind} cannot be changed: give it the `classes` of the training set, in the same '
    'order.'
)


def align_classes(
    dataset: Any, classes: Sequence[str], part: str = 'the data set'
) -> bool:
    """Re-label a loaded data set in place: labels become indices into ``classes``.

    Classes are identified by name. Nothing is done if the data set has the same list.
    Classes without samples in the data set are reported in one line; a class of the
    data set that has no samples, such as an empty or hidden folder, is ignored.

    Names that cannot be compared leave labels as they are, which is reported in one
    line: if the data set has no class names, or if one of two lists of equal length
    only numbers the classes (``'0'``, ``'1'``, ...).

    Args:
        dataset: an MMEngine data set with ``gt_label`` (a label or a list of labels) or
            with ``instances`` as in MMDetection; or wrappers of such data sets that
            have an attribute ``dataset`` or ``datasets``.
        classes: names of the training classes, ``(C,)``.
        part: what to call the data set in messages, such as ``'the validation set'``.

    Returns:
        Whether the data set had another list of classes.

    Raises:
        TypeError: if a data set with another list cannot be re-labelled.
        ValueError: if samples belong to classes that are not in ``classes``, to classes
            whose name occurs twice, or have a label without a name.
    """
    names = tuple(map(str, classes))
    leaves = list(_leaves(dataset))
    for leaf in leaves:
        require_category_order(leaf, part, _describe(leaf))
    if not names or all(class_names(leaf) == names for leaf in leaves):
        return False
    mappings = [_mapping(leaf, names, part) for leaf in leaves]
    before = [_visible_labels(leaf) for leaf in leaves]
    for leaf, mapping in zip(leaves, mappings, strict=True):
        _relabel(leaf, mapping, part)
    _rename(dataset, names)
    for leaf, mapping, labels in zip(leaves, mappings, before, strict=True):
        _check_relabelled(leaf, mapping, labels, part)
    if any(mapping is not None for mapping in mappings):
        _report_missing(leaves, names, part)
    return True


def report_unnamed_classes(dataset: Any, part: str) -> None:
    """Say in one line that a checkpoint has no class names to compare with."""
    own = class_names(dataset)
    if own:
        print_log(
            f'The checkpoint does not name its classes: labels of {part} are taken as '
            f'positions, in the order of its own {len(own)} classes '
            f'({list_names(own)}).',
            logger='current',
            level=logging.WARNING,
        )


def _children(dataset: Any) -> list[Any]:
    """Data sets that a wrapper wraps; empty for one that holds samples."""
    if isinstance(dataset, BaseDataset):
        return []
    if isinstance(getattr(dataset, 'datasets', None), list):
        return dataset.datasets
    return [dataset.dataset] if hasattr(dataset, 'dataset') else []


def _leaves(dataset: Any) -> Iterator[Any]:
    """The data sets that hold the samples, each once."""
    found: dict[int, Any] = {}

    def visit(part: Any) -> None:
        children = _children(part)
        for child in children:
            visit(child)
        if not children:
            found[id(part)] = part

    visit(dataset)
    return iter(found.values())


def _mapping(leaf: Any, names: Sequence[str], part: str) -> np.ndarray | None:
    """Index into ``names`` of each class of a data set, -1 if there is none.

    Returns:
        ``(own classes,)`` int64, or None if labels are to stay as they are.
    """
    if hasattr(leaf, 'full_init'):
        leaf.full_init()  # some data sets learn their classes from the files
    own = class_names(leaf)
    if own == tuple(names):
        return None
    if not own:
        _report_positions(part, f'{_describe(leaf)} does not name its classes', names)
        return None
    known = {comparable_name(name): index for index, name in enumerate(names)}
    mapping = np.array([known.get(comparable_name(name), -1) for name in own])
    counts = Counter(_sample_labels(leaf, part))
    for label in counts:
        if not 0 <= label < len(own):
            raise ValueError(
                f'{_describe(leaf)} has label {label}, but names {len(own)} classes '
                f'({list_names(own)}): correct the annotations, or its `classes`.'
            )
    unknown = [label for label in sorted(counts) if mapping[label] < 0]
    numbered = is_numbering(own) or is_numbering(names)
    if unknown and numbered and len(own) == len(names):
        reason = f'{_describe(leaf)} has the classes {list_names(own)}'
        _report_positions(part, reason, names)
        return None
    if unknown:
        _refuse_unknown(leaf, own, unknown, counts, names, part)
    _require_unique(own, names, counts)
    return mapping


def _refuse_unknown(
    leaf: Any,
    own: Sequence[str],
    unknown: Sequence[int],
    counts: Counter,
    names: Sequence[str],
    part: str,
) -> None:
    found = sum(counts[label] for label in unknown)
    raise ValueError(
        f'{part[0].upper()}{part[1:]} has {found} samples of {len(unknown)} classes '
        f'that are not training classes: {list_names([own[c] for c in unknown])} (in '
        f'{_describe(leaf)}). The {len(names)} training classes are {list_names(names)}'
        '. Classes are matched by name: correct the names, remove these samples, or '
        'train with these classes; if only the spelling differs, give both sets the '
        'same `classes=[...]`.'
    )


def _require_unique(own: Sequence[str], names: Sequence[str], counts: Counter) -> None:
    """Refuse samples of a class whose name belongs to several classes."""
    for listed in (own, names):
        number = Counter(map(comparable_name, listed))
        for label in counts:
            if number[comparable_name(own[label])] > 1:
                raise ValueError(
                    f'Class name {own[label]!r} occurs twice in a list of classes, so '
                    'it cannot be matched by name: give every class its own name.'
                )


def _report_positions(part: str, reason: str, names: Sequence[str]) -> None:
    print_log(
        f'Classes of {part} cannot be compared by name: {reason}, the training set '
        f'{list_names(names)}. Labels are taken as positions among the training '
        'classes.',
        logger='current',
        level=logging.WARNING,
    )


def _report_missing(leaves: Sequence[Any], names: Sequence[str], part: str) -> None:
    present = {label for leaf in leaves for label in _sample_labels(leaf, part)}
    missing = [name for index, name in enumerate(names) if index not in present]
    if missing:
        print_log(
            f'{part[0].upper()}{part[1:]} has no samples of {len(missing)} of the '
            f'{len(names)} training classes: {list_names(missing)}.',
            logger='current',
        )


def _describe(leaf: Any) -> str:
    """Where a data set is read from, or else its type."""
    prefix = getattr(leaf, 'data_prefix', None) or {}
    places = (getattr(leaf, 'ann_file', ''), *prefix.values(),
              getattr(leaf, 'data_root', ''))  # fmt: skip
    return next((str(place) for place in places if place), type(leaf).__name__)


def _samples(leaf: BaseDataset) -> Iterator[dict]:
    """Annotations of a loaded data set, each as a new dictionary."""
    if not leaf.serialize_data:
        yield from map(dict, leaf.data_list)
        return
    start, content = 0, memoryview(leaf.data_bytes)
    for end in leaf.data_address.tolist():
        yield pickle.loads(content[start:end])
        start = end


def _sample_labels(leaf: Any, part: str) -> list[int]:
    """All labels of a data set, in the order of its samples."""
    if not isinstance(leaf, BaseDataset):
        labels = _visible_labels(leaf)
        if labels is None:
            raise TypeError(_REFUSAL.format(part=part, kind=type(leaf).__name__))
        return labels.tolist()
    found: list[int] = []

    def note(label: int) -> int:
        found.append(label)
        return label

    for info in _samples(leaf):
        _map_labels(info, note)
    return found


def _map_labels(info: dict, new: Callable[[int], int]) -> dict:
    """Replace each label in an annotation by ``new(label)``."""
    if 'gt_label' in info:
        label = info['gt_label']
        several = np.ndim(label) > 0
        info['gt_label'] = [new(int(c)) for c in label] if several else new(int(label))
    if isinstance(info.get('instances'), list):
        info['instances'] = [
            {**instance, 'bbox_label': new(int(instance['bbox_label']))}
            if 'bbox_label' in instance
            else instance
            for instance in info['instances']
        ]
    return info


def _relabel(leaf: Any, mapping: np.ndarray | None, part: str) -> None:
    """Change the labels in the annotations of a data set."""
    if mapping is None:
        return
    known = np.flatnonzero(mapping >= 0)
    if np.array_equal(mapping[known], known):
        return  # every label keeps its value
    infos = list(_samples(leaf)) if isinstance(leaf, BaseDataset) else []
    if not infos or any('gt_score' in info for info in infos):
        raise TypeError(_REFUSAL.format(part=part, kind=type(leaf).__name__))
    table = mapping.tolist()
    leaf.data_list = [_map_labels(info, table.__getitem__) for info in infos]
    if leaf.serialize_data:
        leaf.data_bytes, leaf.data_address = leaf._serialize_data()


def _check_relabelled(
    leaf: Any, mapping: np.ndarray | None, before: np.ndarray | None, part: str
) -> None:
    """Check that the data set hands out the new labels, not some it has stored."""
    if mapping is None or before is None:
        return
    after = _visible_labels(leaf)
    if after is None or not np.array_equal(mapping[before], after):
        raise TypeError(_REFUSAL.format(part=part, kind=type(leaf).__name__))


def _visible_labels(leaf: Any) -> np.ndarray | None:
    """Labels as other code reads them; None for several labels per sample."""
    try:
        if not is_detection_dataset(leaf):
            return dataset_labels(leaf)
    except (TypeError, ValueError):  # several labels, or none
        return None
    return np.concatenate([np.zeros(0, np.int64), *instance_labels(leaf)])


def _rename(dataset: Any, names: tuple[str, ...]) -> None:
    """Set the class names of a data set and of all that it wraps."""
    for child in _children(dataset):
        _rename(child, names)
    own = class_names(dataset)
    metainfo = getattr(dataset, '_metainfo', None)
    if own == names or not isinstance(metainfo, dict):
        return
    positions = {comparable_name(name): index for index, name in enumerate(own)}
    for key in PER_CLASS:
        values = metainfo.get(key)
        if not isinstance(values, list | tuple) or len(values) != len(own):
            continue
        places = [positions.get(comparable_name(name)) for name in names]
        if None in places:
            del metainfo[key]  # unknown for some classes
        else:
            metainfo[key] = [values[place] for place in places if place is not None]
    metainfo['classes'] = names
    if hasattr(dataset, 'reload_labels'):
        dataset.reload_labels()
