"""Train and test the package's recipes on miniatures, here or in child processes."""

from pathlib import Path

from mmgala.utils.checkpoint import read_checkpoint
from tests.small_recipes import data_options, in_process
from tests.tools.command_line import ROOT, call, options

# Log line at the start of a stage.
STAGES = ('Stage 1 of 2, representation', 'Stage 2 of 2, classifier')

CHILD = """
_base_ = '{base}'
custom_imports = dict(imports=['tests.tools.quick_start'])
"""


def shipped(name):
    """Path of a config in ``configs``."""
    return ROOT / 'configs' / f'{name}.py'


def child_config(folder, base, more=''):
    """Config for a child process, which inherits ``base`` and adds ``more``."""
    path = folder / f'child_of_{Path(base).stem}.py'
    path.write_text(CHILD.format(base=base) + more)
    return path


def changes_for(name, miniatures, **changes):
    """Command-line options that run a recipe on its miniature."""
    return options(**{**data_options(name, miniatures), **in_process(), **changes})


def train(config, work_dir, *arguments):
    """Call ``tools/train.py``; return its error or ``None``."""
    return call('train', config, '--work-dir', work_dir, *arguments,
                cwd=work_dir.parent)  # fmt: skip


def evaluate(config, checkpoint, work_dir, *arguments):
    """Call ``tools/test.py``; return its error or ``None``."""
    return call('test', config, checkpoint, '--work-dir', work_dir, *arguments,
                cwd=work_dir.parent)  # fmt: skip


def logs(work_dir):
    """All logs of a work dir, in order of their start times."""
    return '\n'.join(path.read_text() for path in sorted(work_dir.glob('2*/2*.log')))


def weights(path):
    """State dict of a checkpoint."""
    return read_checkpoint(path)['state_dict']
