"""Classes that a checkpoint states: their names, images and draws."""

from typing import Any


def stored_class_names(checkpoint: dict) -> tuple[str, ...]:
    """Names of the training classes stored in a checkpoint; empty if it has none.

    They come from :class:`mmgala.engine.ClassNamesHook` or, without it, from the meta
    information of the training set, which MMEngine stores.
    """
    meta: dict[str, Any] = checkpoint.get('meta') or {}
    dataset_meta = meta.get('dataset_meta') or {}
    if isinstance(dataset_meta, list):  # MMDetection's ConcatDataset has one per part
        dataset_meta = dataset_meta[0]
    names = meta.get('class_names') or dataset_meta.get('classes')
    return tuple(map(str, names or meta.get('CLASSES') or ()))  # the latter: MMCls 0.x


def stored_class_counts(checkpoint: dict) -> list[int] | None:
    """Training class counts stored in a checkpoint, or None if it has none.

    They come from :class:`mmgala.engine.ClassCountsHook` or, without it, from the meta
    information of the training set.
    """
    meta: dict[str, Any] = checkpoint.get('meta') or {}
    dataset_meta = meta.get('dataset_meta') or {}
    return meta.get('class_counts', dataset_meta.get('class_counts'))


def stored_class_draws(checkpoint: dict) -> list[int] | None:
    """Samples of each class in an epoch of the training; None if they are unknown.

    They are stored only where wrappers of the training set repeat images; otherwise
    they are the class counts.
    """
    draws = (checkpoint.get('meta') or {}).get('class_draws')
    return stored_class_counts(checkpoint) if draws is None else draws


def counts_meta(
    counts: list[int] | None, draws: list[int] | None
) -> dict[str, list[int]]:
    """Metadata of a checkpoint or data set that states class counts and draws.

    Args:
        counts: training images of each class, if known.
        draws: training samples of each class in an epoch, if known.
    """
    if counts is None:
        return {}
    meta = dict(class_counts=counts)
    if draws is not None and draws != counts:
        meta['class_draws'] = draws
    return meta
