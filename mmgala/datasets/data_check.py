"""What is odd about the data of a data set, in one line each, before it is used."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmpretrain.datasets import CustomDataset

from mmgala.datasets.epoch_samples import epoch_samples
from mmgala.datasets.labels import class_names
from mmgala.datasets.readers.annotations import printable
from mmgala.datasets.readers.clutter import is_clutter
from mmgala.utils.class_names import comparable_name, number_out_of_place

# Endings of images that MMPretrain's `CustomDataset` leaves out by default.
READABLE = ('.avif', '.gif', '.jfif', '.jp2', '.jpe', '.pbm', '.pnm', '.tiff', '.webp')
UNREADABLE = ('.dib', '.heic', '.heif', '.ico', '.jxl', '.psd', '.svg', '.tga')
_NUMBER = re.compile(r'[+-]?[0-9]+(\.[0-9]*)?')


def check_data(dataset: Any) -> list[str]:
    """Look for hidden files, left-out images, and names and paths that look alike.

    Args:
        dataset: any data set, possibly in wrappers.

    Returns:
        A line for each remark.

    Raises:
        ValueError: if hidden files of a class folder, such as ``._0001.png`` of macOS
            and those in ``.ipynb_checkpoints``, count as images.
    """
    remarks: list[str] = []
    for source in epoch_samples(dataset).sources:
        if _is_folder(source):
            remarks += _remarks_on_folder(source, source.img_prefix or '.')
        names = class_names(source)
        remarks += [*alike_names(names), *_remarks_on_order(names)]
        remarks += _repeated_files(source)
    return list(dict.fromkeys(remarks))


def alike_names(names: Iterable[str]) -> list[str]:
    """Remarks on class names that are probably meant to be the same.

    Examples:
        >>> alike_names(['rose', 'Rose', '1', '1.0', 'tulip'])[1]
        "The classes '1' and '1.0' differ only in form: if they are one class, use one name."
    """  # noqa: E501
    groups = defaultdict(list)
    for name in names:
        groups[_compared(name)].append(name)
    return [
        f'The classes {" and ".join(_told_apart(group))} differ only in '
        f'{_difference(group)}: if they are one class, use one name.'
        for group in groups.values()
        if len(group) > 1
    ]


def _remarks_on_order(names: Iterable[str]) -> list[str]:
    moved = number_out_of_place(names)
    if moved is None:
        return []
    return [
        f'The class names are numbers, but not in numeric order: label {moved[0]} '
        f'means class {moved[1]!r}, also in lists with one value per class, such as '
        'class_weight. For numeric order, set classes of the data set to a list in it.'
    ]


def _compared(name: str) -> str:
    name = comparable_name(name).casefold()
    return repr(float(name)) if _NUMBER.fullmatch(name) else name


def _difference(names: Sequence[str]) -> str:
    """What two or more alike names differ in."""
    if len({unicodedata.normalize('NFC', name) for name in names}) == 1:
        return 'Unicode normal form'
    if len({name.strip() for name in names}) == 1:
        return 'spaces'
    return 'case' if len({name.casefold() for name in names}) == 1 else 'form'


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names in quotes; in ASCII if they look the same in print."""
    same = len({unicodedata.normalize('NFC', name) for name in names}) < len(names)
    return list(map(ascii if same else repr, names))


def _is_folder(source: Any) -> bool:
    """Whether a data set takes all images that it finds in a local folder."""
    return (
        isinstance(source, CustomDataset)
        and not source.ann_file
        and os.path.isdir(source.img_prefix or '.')
    )


@dataclass
class _Found:
    """Files below a folder of images.

    Attributes:
        hidden: files that count as images, but are hidden.
        left_out: files that are images by their ending, but do not count.
        loose: images that do not count, as they are in no class folder.
        hidden_classes: hidden class folders.
    """

    hidden: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    hidden_classes: list[str] = field(default_factory=list)


def _remarks_on_folder(source: CustomDataset, root: str) -> list[str]:
    found = _search(source, root)
    if found.hidden:
        raise ValueError(
            f'{root}: {len(found.hidden)} of the files that count as images are hidden '
            f'or in a hidden folder, first {printable(found.hidden[0])}. They come '
            'from the system or an editor: delete them, or rename them if they are '
            'images.'
        )
    remarks = []
    if found.hidden_classes:
        remarks.append(
            f'{root}: the hidden folder {printable(found.hidden_classes[0])} is read '
            'as a class without images: delete it.'
        )
    if found.loose:
        remarks.append(
            f'{root}: {len(found.loose)} images are in no class folder and are left '
            f'out, first {printable(found.loose[0])}.'
        )
    return remarks + _remarks_on_endings(source, root, found.left_out)


def _remarks_on_endings(
    source: CustomDataset, root: str, left_out: Sequence[str]
) -> list[str]:
    endings = Counter(os.path.splitext(path)[1].lower() for path in left_out)
    if not endings:
        return []
    listed = ', '.join(f'{count} {ending}' for ending, count in endings.most_common())
    remedies = []
    if readable := sorted(set(endings) - set(UNREADABLE)):
        extensions = (*sorted(source.extensions), *readable)
        remedies.append(f'to use them, set extensions={extensions} of the data set')
    if unreadable := sorted(set(endings) & set(UNREADABLE)):
        remedies.append(f'convert {", ".join(unreadable)} to .png')
    return [
        f'{root}: {len(left_out)} images are left out because of their ending '
        f'({listed}), first {printable(left_out[0])}: {"; ".join(remedies)}.'
    ]


def _search(source: CustomDataset, root: str) -> _Found:
    found = _Found()
    for folder, folders, files in os.walk(root):
        folders.sort()
        below = os.path.relpath(folder, root)
        parts = () if below == '.' else tuple(below.split(os.sep))
        if len(parts) == 1 and is_clutter(parts[0]) and source.with_label:
            found.hidden_classes.append(parts[0])
        hidden = any(map(is_clutter, parts))
        for name in sorted(files):
            path = os.path.join(*parts, name)
            counts = source.is_valid_file(name)
            if hidden or is_clutter(name):
                if counts and (parts or not source.with_label):
                    found.hidden.append(path)
            elif counts and not parts and source.with_label:
                found.loose.append(path)
            elif not counts and name.lower().endswith(READABLE + UNREADABLE):
                found.left_out.append(path)
    return found


def _repeated_files(source: Any) -> Iterator[str]:
    """Images that a list of MMPretrain names twice; our own readers refuse them."""
    if not getattr(source, 'ann_file', '') or hasattr(source, 'sample_origins'):
        return
    first: dict[str, tuple[str, Any]] = {}
    repeated = []
    for index in range(len(source)):
        info = source.get_data_info(index)
        path, label = info.get('img_path'), info.get('gt_label')
        if not isinstance(path, str) or 'instances' in info:
            return
        before, labelled = first.setdefault(os.path.abspath(path), (path, label))
        if before is not path:
            repeated.append((before, path, labelled != label))
    if repeated:
        before, path, differ = max(repeated, key=lambda pair: pair[2])
        labels = ' with different labels' if differ else ''
        yield (
            f'{source.ann_file}: {len(repeated)} lines name an image that is listed '
            f'before, such as {printable(before)} and {printable(path)}{labels}: '
            'remove them.'
        )
