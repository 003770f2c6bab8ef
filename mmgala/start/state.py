"""What a work directory was started with, so that the same command continues there."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgala.datasets.image_files import read_image_file
from mmgala.datasets.readers.annotations import printable
from mmgala.start.inspection import Inspection
from mmgala.start.source import Source
from mmgala.utils.files import UNFINISHED, write_json, write_text

STATE = 'start.json'
IMAGES = 'images.csv'
SPLIT = 'split.csv'
LOCK = '.start.lock'
COLUMNS = (
    *('path', 'label', 'given_part', 'width', 'height', 'bytes', 'modified_ns'),
    *('digest', 'left_out'),
)


@dataclass(frozen=True)
class Folder:
    """The files of ``mmgala start`` in a work directory.

    Attributes:
        path: the work directory.
        name: of the data, hence of the config.
    """

    path: Path
    name: str

    @property
    def config(self) -> Path:
        """The config."""
        return self.path / f'{self.name}.py'

    @property
    def split(self) -> Path:
        """The list of images with their parts."""
        return self.path / SPLIT

    @property
    def images(self) -> Path:
        """The list of all images that were looked at."""
        return self.path / IMAGES

    @property
    def model(self) -> Path:
        """The trained model with its fitted steps."""
        return self.path / 'model.pth'

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / 'report.html'

    def check_free(self) -> None:
        """Check that nothing else is in the folder of a new start.

        Raises:
            FileExistsError: if there is.
        """
        ours = (SPLIT, IMAGES, LOCK, self.config.name)
        entries = sorted(self.path.iterdir()) if self.path.is_dir() else []
        other = [p for p in entries if p.name not in ours and p.suffix != UNFINISHED]
        if other:
            raise FileExistsError(
                f'{self.path} holds other files ({other[0].name}): choose another '
                '--name or --work-dir.'
            )


def images_csv(source: Source, found: Inspection) -> str:
    """Text of a CSV file on every image that was found.

    Args:
        source: before the inspection.
        found: the inspection of it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(COLUMNS)
    used = {item.path for item in found.source.items}
    for item in source.items:
        file = found.files.get(item.path)
        reason = found.broken.get(item.path, '' if item.path in used else 'copy')
        state = _stat(source.root / item.path)
        width, height, digest = '', '', ''
        if file is not None:
            width, height, digest = str(file.width), str(file.height), file.digest
        path = item.path.encode(errors='backslashreplace').decode()
        writer.writerow(
            (path, item.label, item.part, width, height, *state, digest, reason)
        )
    return text.getvalue()


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return -1, 0
    return found.st_size, found.st_mtime_ns


def write_start(
    folder: Folder,
    data: Path,
    options: Mapping[str, Any],
    texts: Mapping[Path, str],
) -> None:
    """Write the files of a new start, the state last.

    Args:
        folder: where.
        data: the user's images.
        options: what the user asked for, plain data.
        texts: content of each file.
    """
    for path, text in texts.items():
        write_text(path, text)
    content = dict(data=str(data.absolute()), options=dict(options))
    write_json(folder.path / STATE, content)


def read_start(folder: Folder) -> dict[str, Any] | None:
    """What a work directory was started with; ``None`` if it was not."""
    try:
        content = json.loads((folder.path / STATE).read_text(encoding='utf-8'))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise ValueError(
            f'{folder.path / STATE} cannot be read ({error}): choose another --name, '
            f'or remove {folder.path} to begin again.'
        ) from error
    return content


def check_same_start(
    folder: Folder, before: Mapping[str, Any], data: Path, options: Mapping[str, Any]
) -> None:
    """Check that a command repeats the one that a work directory was started with.

    Raises:
        ValueError: if it has other data or options.
    """
    if before['data'] != str(data.absolute()):
        raise ValueError(
            f'{folder.path} was started with {before["data"]}, not {data}: choose '
            'another --name.'
        )
    for name, value in options.items():
        earlier = before['options'].get(name)
        if earlier != value:
            flag = f'--{name.replace("_", "-")}'
            raise ValueError(
                f'{folder.path} was started {_with(flag, earlier)}, and this is '
                f'{_with(flag, value)}: repeat the same command to go on (its settings '
                f'are in {folder.config}, yours to edit), choose another --name, or '
                f'remove {folder.path} to begin again.'
            )


def _with(flag: str, value: Any) -> str:
    return f'without {flag}' if value is None else f'with {flag} {value}'


def check_same_images(folder: Folder, source: Source) -> None:
    """Check that the images are those that a work directory was started with.

    Files whose size and time of modification are as before count as unchanged; others
    are compared by content.

    Raises:
        ValueError: if images were added, removed or changed.
    """
    text = folder.images.read_text(encoding='utf-8')
    rows = {row['path']: row for row in csv.DictReader(io.StringIO(text))}
    now = {
        item.path.encode(errors='backslashreplace').decode(): item
        for item in source.items
    }
    changes = {
        'added': [path for path in now if path not in rows],
        'removed': [path for path in rows if path not in now],
        'changed': [
            path
            for path, item in now.items()
            if path in rows
            and _has_changed(source.root / item.path, rows[path], item.label, item.part)
        ],
    }
    found = [
        f'{len(p)} {what}, first {printable(p[0])}' for what, p in changes.items() if p
    ]
    if found:
        raise ValueError(
            f'{source.data} has changed since {folder.path} was started '
            f'({"; ".join(found)}): choose another --name, or remove {folder.path} '
            'to begin again.'
        )


def _has_changed(path: Path, row: Mapping[str, str], label: str, part: str) -> bool:
    if (row['label'], row['given_part']) != (label, part):
        return True
    size, time = _stat(path)
    if (row['bytes'], row['modified_ns']) == (str(size), str(time)):
        return False
    return row['bytes'] != str(size) or read_image_file(path).digest != row['digest']
