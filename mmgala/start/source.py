"""Which images there are, and of which class: from folders, or from a CSV file."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmgala.analysis.answer.words import counted
from mmgala.datasets.image_files import ENDINGS, OTHER_ENDINGS
from mmgala.datasets.readers.annotations import printable
from mmgala.datasets.readers.clutter import is_clutter
from mmgala.utils.class_names import comparable_name, list_names
from mmgala.utils.files import check_readable
from mmgala.utils.similar import similar_path

# What people call the parts of a data set, in lower case.
PART_NAMES = {
    **dict.fromkeys(('train', 'training', 'trn'), 'train'),
    **dict.fromkeys(('val', 'valid', 'validation', 'dev', 'eval'), 'val'),
    **dict.fromkeys(('test', 'testing', 'tst'), 'test'),
}


@dataclass(frozen=True)
class Item:
    """An image with its class.

    Attributes:
        path: below the root, with forward slashes.
        label: name of its class.
        part: ``'train'``, ``'val'`` or ``'test'`` if the user has decided; else empty.
    """

    path: str
    label: str
    part: str = ''


@dataclass(frozen=True)
class Source:
    """The user's images.

    Attributes:
        data: what the user gave.
        root: folder that paths are relative to, absolute.
        items: the images, sorted by part, class and path.
        layout: what was found, in words.
        remarks: a line for each thing that is left out or odd.
    """

    data: Path
    root: Path
    items: Sequence[Item]
    layout: str
    remarks: Sequence[str] = ()

    @property
    def parts(self) -> set[str]:
        """Parts that the user has decided on."""
        return {item.part for item in self.items} - {''}


@dataclass
class _Left:
    """What a folder holds beside images."""

    hidden: int = 0
    loose: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def find_images(data: Path) -> Source:
    """Find the images below a folder, or those that a CSV file lists.

    Raises:
        FileNotFoundError: if there is nothing of this name.
        ValueError: if it is a file of another kind, or has no classes of images.
    """
    if data.is_dir():
        return _from_folder(data)
    if not os.path.lexists(data):
        raise FileNotFoundError(f'{data}: no such folder or file.{similar_path(data)}')
    check_readable(data)
    if data.suffix.lower() not in ('.csv', '.txt', '.tsv'):
        raise ValueError(
            f'{data} is neither a folder nor a CSV file: give a folder with a folder '
            'of images for each class, or a CSV file with the columns path and label.'
            f'{_unpack(data)}'
        )
    from mmgala.start.csv_source import images_in_csv

    return images_in_csv(data)


def _unpack(data: Path) -> str:
    archive = data.suffix.lower() in ('.zip', '.tar', '.gz', '.tgz', '.xz', '.7z')
    return ' Unpack the archive first.' if archive else ''


def _from_folder(data: Path) -> Source:
    left = _Left()
    folders = _subfolders(data, left)
    parts: dict[str, str] = {}
    for name in folders:
        part = PART_NAMES.get(name.lower())
        if part and _has_folders(data / name):
            if part in parts:
                raise ValueError(
                    f'{data}: the folders {parts[part]!r} and {name!r} are both the '
                    f'{part} part: rename one.'
                )
            parts[part] = name
    if 'train' in parts:
        left.folders = [name for name in folders if name not in parts.values()]
        items = [
            item
            for part, name in parts.items()
            for item in _class_folders(data, name, part, left)
        ]
        layout = 'folders ' + ', '.join(f'{name}/' for name in parts.values())
    else:
        items = list(_class_folders(data, '', '', left))
        layout = 'one folder for each class'
    if not items:
        raise ValueError(_nothing(data, left))
    classes = {item.label for item in items}
    if len(classes) == 1:
        raise ValueError(_one_class(data, items))
    items.sort(key=lambda item: (item.part, item.label, item.path))
    return Source(data, data.absolute(), items, layout, _remarks(left))


def _subfolders(folder: Path, left: _Left) -> list[str]:
    """Names of folders that are not hidden, in order."""
    found = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_clutter(entry.name):
                left.hidden += 1
            elif entry.is_dir():
                found.append(entry.name)
    return found


def _has_folders(folder: Path) -> bool:
    return any(
        entry.is_dir() and not is_clutter(entry.name) for entry in folder.iterdir()
    )


def _class_folders(root: Path, below: str, part: str, left: _Left) -> Iterator[Item]:
    """Images in the class folders of one folder, at any depth."""
    folder = root / below
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if is_clutter(name):
            left.hidden += bool(below)  # else counted already
        elif not path.is_dir():
            _sort_out(path.relative_to(root).as_posix(), left, loose=True)
        else:
            images = list(_images_below(path, root, left))
            if not images:
                left.empty.append(path.relative_to(root).as_posix())
            for image in images:
                yield Item(image, comparable_name(name), part)


def _images_below(folder: Path, root: Path, left: _Left) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        left.hidden += sum(map(is_clutter, [*folders, *files]))
        folders[:] = sorted(name for name in folders if not is_clutter(name))
        for name in sorted(files):
            if is_clutter(name):
                continue
            path = Path(place, name).relative_to(root).as_posix()
            if _sort_out(path, left):
                yield path


def _sort_out(path: str, left: _Left, loose: bool = False) -> bool:
    """Whether a file is an image to use; otherwise remember why not."""
    if not path.lower().endswith(ENDINGS):
        left.other.append(path)
        return False
    if loose:
        left.loose.append(path)
    return not loose


def _nothing(data: Path, left: _Left) -> str:
    wanted = 'a folder of images for each class, such as daisy/1.jpg and rose/2.jpg'
    if left.loose:
        return (
            f'{data}: {len(left.loose)} images are not in class folders, first '
            f'{printable(left.loose[0])}: give {wanted}, or a CSV file with the '
            'columns path and label.'
        )
    if left.other:
        return (
            f'{data}: there are no images, only other files, first '
            f'{printable(left.other[0])}: give {wanted} ({", ".join(ENDINGS)}).'
        )
    return f'{data}: there are no images in it: give {wanted}.'


def _one_class(data: Path, items: Sequence[Item]) -> str:
    (label,) = {item.label for item in items}
    inner = Counter(
        item.path.split('/')[1] for item in items if item.path.count('/') > 1
    )
    hint = ''
    if len(inner) > 1 and not items[0].part:
        names = list_names(sorted(inner))
        hint = f' Its own folders are {names}: did you mean {data / label}?'
    return (
        f'{data}: there is only one class, {printable(label)}, but a classifier needs '
        f'two or more.{hint}'
    )


def _remarks(left: _Left) -> list[str]:
    remarks = []
    if left.folders:
        remarks.append(
            'Left out: the folders beside train, '
            f'{list_names([printable(name) for name in left.folders])}.'
        )
    if left.loose:
        remarks.append(
            f'Left out: {counted(len(left.loose), "image")} in no class folder, first '
            f'{printable(left.loose[0])}.'
        )
    if left.empty:
        remarks.append(
            f'Left out: {counted(len(left.empty), "folder")} without images, first '
            f'{printable(left.empty[0])}.'
        )
    if left.other:
        remarks.append(_other_files(left.other))
    if left.hidden:
        remarks.append(f'Left out: {left.hidden} hidden files or folders.')
    return remarks


def _other_files(paths: Sequence[str]) -> str:
    endings = Counter(
        os.path.splitext(path)[1].lower() or 'no ending' for path in paths
    )
    listed = ', '.join(f'{count} {ending}' for ending, count in endings.most_common(5))
    images = sorted(set(endings) & set(OTHER_ENDINGS))
    advice = f' Convert {", ".join(images)} to .png to use them.' if images else ''
    return (
        f'Left out: {len(paths)} files that are not images by their ending ({listed}), '
        f'first {printable(paths[0])}.{advice}'
    )
