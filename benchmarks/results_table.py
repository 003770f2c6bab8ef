"""A table of results, with the command and the files behind it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgala.utils.tables import markdown_table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / 'benchmarks' / 'results'


@dataclass(frozen=True)
class ResultTable:
    """Rows of text; the first column names the row.

    Attributes:
        header: column titles.
        rows: one list of cells for each row.
        command: command that produces the results.
        files: result files that the cells were read from.
    """

    header: list[str]
    rows: list[list[str]]
    command: str
    files: list[Path]

    def markdown(self, page: Path) -> str:
        """The table and its source, with links relative to a page."""
        links = ', '.join(
            f'[{path.name}]({_relative(path, page.parent)})' for path in self.files
        )
        source = f'<sub>Command: `{self.command}`. Data: {links}.</sub>'
        return f'{markdown_table(self.header, self.rows)}\n\n{source}'


def _relative(path: Path, folder: Path) -> str:
    """Path of a file as seen from a folder of the repository."""
    up = len(folder.relative_to(ROOT).parts)
    return '../' * up + path.relative_to(ROOT).as_posix()


def result_file(name: str) -> Path:
    """Path of a result file."""
    return RESULTS / f'{name}.json'


def read_result(name: str) -> Any:
    """Content of a result file."""
    return json.loads(result_file(name).read_text())
