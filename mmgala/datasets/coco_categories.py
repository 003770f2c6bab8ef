"""Whether MMDetection gives the categories of a COCO file the labels of the classes."""

from typing import Any

from mmengine.fileio import load

from mmgala.datasets.labels import class_names
from mmgala.utils.class_names import list_names


def require_category_order(leaf: Any, part: str, description: str) -> None:
    """Refuse a COCO file whose categories MMDetection would give other labels.

    ``CocoDataset`` and ``CocoMetric`` number the categories in the order of the file,
    whatever the order of ``classes``, and leave no gap for a class that it lacks.

    Args:
        leaf: any data set without wrappers.
        part: what to call the data set in messages, such as ``'the validation set'``.
        description: type and place of the data set.

    Raises:
        ValueError: if a category would get the label of another class.
    """
    ids, own = getattr(leaf, 'cat_ids', None), class_names(leaf)
    if not isinstance(ids, list) or hasattr(leaf, 'reload_labels'):
        return
    lacks = len(ids) < len(own)
    published = own == tuple(getattr(type(leaf), 'METAINFO', {}).get('classes', ()))
    if not lacks and published and ids == sorted(ids):
        return  # a large file, which would have to be read again
    names = _names(leaf)
    if names == list(own[: len(ids)]):
        return
    if lacks:
        raise ValueError(
            f'{description}, {part}, has {len(ids)} of the {len(own)} classes '
            f"({list_names(own)}) among its 'categories'. MMDetection would shift the "
            "labels of the others: add the missing classes to 'categories', in the "
            'order of `classes`; they need no annotations.'
        )
    if sorted(names) == sorted(own):
        raise ValueError(
            f"{description}, {part}, has the 'categories' {list_names(names)}, but "
            f'`classes` are {list_names(own)}. MMDetection would number them as in the '
            "file: put 'categories' in the order of `classes`, or `classes` in the "
            'order of the training file.'
        )


def _names(leaf: Any) -> list[str]:
    """Names of the categories of a COCO file, in the order of their labels."""
    categories = load(leaf.ann_file, backend_args=leaf.backend_args)['categories']
    names = {category['id']: str(category['name']) for category in categories}
    return [names[id_] for id_ in leaf.cat_ids]
