"""Labels of the categories in an LVIS file, by the names of the training classes."""

from collections.abc import Collection, Sequence

from mmgala.utils.class_names import comparable_name, list_names


def labels_by_name(
    path: str,
    categories: Sequence[dict],
    classes: Sequence[str],
    used: Collection[int],
) -> dict[int, int]:
    """Label of each category: the index of its name in ``classes``.

    A file may lack categories. One of its own that is not in ``classes`` has no label;
    it must have no annotations.

    Args:
        path: path of the file, for the message.
        categories: categories of the file.
        classes: names of the classes, ``(C,)``.
        used: ids of the categories with annotations.

    Returns:
        Labels by category id.

    Raises:
        ValueError: if a category with annotations is not in ``classes``.
    """
    label_of = {comparable_name(name): label for label, name in enumerate(classes)}
    labels = {
        category['id']: label_of[comparable_name(category['name'])]
        for category in categories
        if comparable_name(category['name']) in label_of
    }
    unknown = [
        c['name'] for c in categories if c['id'] in used and c['id'] not in labels
    ]
    if unknown:
        raise ValueError(
            f'{path}: {len(unknown)} categories with annotations are not among the '
            f'{len(classes)} classes ({list_names(classes)}): {list_names(unknown)}. '
            'Classes are matched by name: correct the names, or remove the annotations '
            'of these categories.'
        )
    return labels


def renames(categories: Sequence[dict], classes: Sequence[str]) -> bool:
    """Whether ``classes`` are other names for the categories, in the same order.

    They are if there is one for each, and every name of the file among them is in its
    place.

    Args:
        categories: categories of the file in the order of ids.
        classes: names.
    """
    names = [category['name'] for category in categories]
    if len(names) != len(classes) or list(classes) == names:
        return False
    return all(
        name == own or name not in names
        for name, own in zip(classes, names, strict=True)
    )
