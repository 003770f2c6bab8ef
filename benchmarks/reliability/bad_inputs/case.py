"""A bad input, and how a tool takes it."""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.bad_inputs.material import Material
from benchmarks.reliability.forked_tools import call_tool
from benchmarks.reliability.processes import Ended, run_tool
from benchmarks.reliability.trials import Outcome, Trial

LIMIT = 180.0  # seconds of one trial, on a busy machine
LONGEST = 700  # characters of a line that somebody still reads

# A good command of every tool; the files come from `Material`.
TOOLS: dict[str, tuple[str, ...]] = {
    'train': ('tools/train.py', 'config.py', '--work-dir', 'new'),
    'test': ('tools/test.py', 'config.py', 'weights.pth', '--work-dir', 'new'),
    'fit': (
        'tools/fit_rebalancer.py', 'config.py', 'weights.pth', 'out.pth',
        '--work-dir', 'new',
    ),
    'retrain': (
        'tools/retrain_classifier.py', 'config.py', 'weights.pth', 'out.pth',
        '--method', 'tau-norm',
    ),
    'export': (
        'tools/export.py', 'config.py', 'weights.pth', 'out.pt2',
        '--check-images', '4',
    ),
    'compare': (
        'tools/compare.py', 'config.py', '--work-dir', 'new', '--seeds', '1',
        '--workers', '1',
    ),
    'vectors': (
        'tools/analysis/class_vectors.py', 'config.py', 'weights.pth',
        '--out', 'vectors.json',
    ),
    'predictions': (
        'tools/analysis/evaluate_predictions.py', 'test.npz', '--out', 'analysis',
    ),
    'gradients': ('tools/analysis/gradient_report.py', 'run', '--out', 'gradients'),
    'report': ('tools/analysis/report.py', 'run', '--out', 'report.html'),
    'prepare': ('tools/prepare_data.py', 'cifar10', '--root', 'data'),
}  # fmt: skip


@dataclass(frozen=True)
class BadInput:
    """One bad input to one tool.

    Attributes:
        group: kind of input, such as ``'flags'``.
        name: unique within the group.
        tool: key of ``TOOLS``.
        arguments: further arguments.
        names: words of which the line must contain one: flag, value or file.
        spoil: spoils the files in the folder of the trial.
        config: name of the config file.
    """

    group: str
    name: str
    tool: str
    arguments: Sequence[str]
    names: tuple[str, ...]
    spoil: Callable[[Path], None] | None = None
    config: str = 'config.py'

    def trial(self, material: Material, as_process: bool) -> Trial:
        """The trial, in a forked process or in one that starts Python."""

        def run(folder: Path) -> Outcome:
            material.copy_to(folder)
            if self.spoil is not None:
                self.spoil(folder)
            good = [self.config if a == 'config.py' else a for a in TOOLS[self.tool]]
            command = (*good, *self.arguments)
            start = run_tool if as_process else call_tool
            ended = start(command, limit=LIMIT, cwd=folder)
            return judge(ended, self.names)

        how = ', process' if as_process else ''
        return Trial(
            name=f'{self.group}/{self.tool}: {self.name}{how}',
            expected=f'one line that names {" or ".join(self.names)}, and status 1',
            run=run,
            group=f'{self.group}{how}',
        )


def judge(ended: Ended, names: Sequence[str]) -> Outcome:
    """Whether a tool ended as it should: one clear line on what is wrong."""
    errors = [
        line.strip()
        for line in ended.err.splitlines()
        if re.match(r'(\S+: )?error: ', line)  # argparse puts the program's name first
    ]
    last = ended.last_line
    if fault := ended.fault:
        seen = last
    elif ended.status == 0:
        fault, seen = 'accepted in silence', f'status 0: {last}'
    elif ended.status not in (1, 2) or not errors:
        fault, seen = 'no error line', f'status {ended.status}: {last}'
    elif len(errors) > 1 or last != errors[0]:
        fault, seen = 'more than one line', ' / '.join(ended.err.splitlines()[-4:])
    elif last.startswith('error: unexpected'):
        fault, seen = 'unexpected error', last
    elif len(last) > LONGEST:
        fault, seen = 'long line', last
    elif not any(name.lower() in last.lower() for name in names):
        fault, seen = 'does not name the input', last
    else:
        seen = last
    return Outcome(not fault, seen, fault, ended.seconds)


def replaced(name: str, content: bytes | str | None) -> Callable[[Path], None]:
    """A function that gives a file other content, or removes it."""

    def spoil(folder: Path) -> None:
        path = folder / name
        if content is None:
            path.unlink()
        elif isinstance(content, str):
            path.write_text(content)
        else:
            path.write_bytes(content)

    return spoil


def as_folder(name: str) -> Callable[[Path], None]:
    """A function that puts a folder in the place of a file."""

    def spoil(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.mkdir()

    return spoil


def cut(name: str) -> Callable[[Path], None]:
    """A function that leaves the first half of a file."""

    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return spoil
