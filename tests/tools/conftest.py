"""Fixtures: one small training, commands that use its checkpoint, and a server."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.preparation.file_server import quick_server
from tests.tools.command_line import SMALL_CONFIG, call, load_tool, options, run

PRIOR = np.array([1, 1, 2, 2, 3, 3, 4, 4, 10, 10]) / 40


@pytest.fixture(scope='session')
def small_config(tmp_path_factory):
    """Path of a config for a training of seconds."""
    path = tmp_path_factory.mktemp('config') / 'small.py'
    path.write_text(SMALL_CONFIG)
    return path


@pytest.fixture(scope='session')
def trained(tmp_path_factory, small_config):
    """An uninterrupted training: its config, work dir and last checkpoint."""
    work_dir = tmp_path_factory.mktemp('trained')
    run('train.py', small_config, '--work-dir', work_dir, cwd=work_dir)
    return SimpleNamespace(
        config=small_config,
        work_dir=work_dir,
        checkpoint=work_dir / 'epoch_6.pth',
    )


# Runs of tools/test.py by output file. The first is run in a separate process.
RUNS = {
    'raw.npz': [],
    'tau.json': ['--rebalance', '--tau', '1.7'],
    'auto.npz': ['--rebalance', '--tau', 'auto'],
    'validation.npz': options(test_dataloader__dataset__split='val'),
    'prior.pkl': ['--rebalance', '--target-prior', 'prior.txt'],
    'tta.npz': ['--tta'],
}


@pytest.fixture(scope='session')
def tested(tmp_path_factory, trained):
    """Output of each run: ``path`` and ``work_dir``."""
    folder = tmp_path_factory.mktemp('tested')
    np.savetxt(folder / 'prior.txt', PRIOR)
    runs = {
        out: SimpleNamespace(path=folder / out, work_dir=folder / f'work_{out}')
        for out in RUNS
    }
    for out, flags in RUNS.items():
        places = ['--work-dir', runs[out].work_dir, '--out', runs[out].path]
        arguments = [trained.config, trained.checkpoint, *places, *flags]
        if out == 'raw.npz':
            run('test.py', *arguments, cwd=folder)
        else:
            assert call('test', *arguments, cwd=folder) is None, out
    return runs


@pytest.fixture(scope='session')
def raw(tested):
    """Scores, labels and training counts of the test set."""
    return load_scores(tested['raw.npz'].path)


@pytest.fixture(scope='session')
def validation(tested):
    """Scores, labels and training counts of the validation set."""
    return load_scores(tested['validation.npz'].path)


def load_scores(path):
    """Load a file written by ``tools/test.py --out x.npz``."""
    with np.load(path, allow_pickle=False) as stored:
        return SimpleNamespace(
            scores=stored['pred_score'].astype(np.float64),
            targets=stored['gt_label'],
            counts=stored['class_counts'],
        )


@pytest.fixture
def server(monkeypatch):
    with quick_server(monkeypatch) as server:
        yield server


@pytest.fixture
def prepare(monkeypatch, tmp_path):
    """Call the tool; return its error or ``None``."""
    tool = load_tool('prepare_data')
    root = tmp_path / 'data' / 'set'

    def prepare(name, *flags, root=root):
        argv = ['prepare_data.py', name, *map(str, flags), '--root', str(root)]
        monkeypatch.setattr(sys, 'argv', argv)
        try:
            tool.main()
        except SystemExit as end:
            return end.code
        return None

    prepare.root = root
    return prepare
