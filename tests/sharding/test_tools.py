"""Commands on the checkpoints of a training on two ranks that was killed."""

import subprocess
import sys

import pytest

from tests.tools.command_line import LIMIT, ROOT, environment

pytestmark = pytest.mark.slow

CONFIG = f"""
_base_ = '{ROOT}/configs/gala/resnet14_digits-lt_sharded.py'
default_hooks = dict(killing=dict(type='tests.sharding.killed_save.KilledSaveHook'))
model = dict(backbone=dict(base_channels=8, stem_channels=8),
             head=dict(in_channels=32))
train_cfg = dict(max_epochs=2, val_interval=2)
"""


def mmgala(*arguments, ranks=0):
    start = ['-m', 'mmgala.cli.torchrun', '--nproc-per-node', ranks] if ranks else []
    end = ['--launcher', 'pytorch'] if ranks else []
    words = [sys.executable, *start, '-m', 'mmgala', *arguments, *end]
    return subprocess.run(
        list(map(str, words)), env=environment(), capture_output=True, text=True,
        timeout=LIMIT, check=False,
    )  # fmt: skip


@pytest.fixture(scope='module')
def killed(tmp_path_factory):
    """Config and work directory, after a SIGKILL between two files."""
    folder = tmp_path_factory.mktemp('killed')
    config, work_dir = folder / 'config.py', folder / 'run'
    config.write_text(CONFIG)
    ended = mmgala('train', config, '--work-dir', work_dir, ranks=2)
    assert ended.returncode != 0
    return config, work_dir


def test_the_last_complete_checkpoint_is_resumed(killed):
    config, work_dir = killed
    (torn,) = work_dir.glob('epoch_2.*.shards')
    assert list(torn.iterdir())
    assert not (torn / '.metadata').exists()
    assert not (work_dir / 'epoch_2.pth').exists()

    ended = mmgala('train', config, '--work-dir', work_dir, '--resume')

    assert ended.returncode == 0, ended.stderr
    assert 'resumed' in ended.stderr.lower()
    assert (work_dir / 'epoch_2.pth').exists()
    assert not torn.exists()


def test_a_file_without_its_classes_is_merged_first(killed):
    config, work_dir = killed
    shared, one = work_dir / 'epoch_1.pth', work_dir / 'one.pth'

    refused = mmgala('fit', config, shared, work_dir / 'fit.pth', '--rebalance')
    assert refused.returncode == 1
    assert refused.stderr.count('\n') == 1
    assert f'mmgala merge {shared} OUT.pth' in refused.stderr

    assert mmgala('merge', shared, one).returncode == 0
    tests = [mmgala('test', config, path) for path in (shared, one)]
    assert tests[0].returncode == 0
    assert 'class mean' in tests[0].stdout
    assert tests[0].stdout == tests[1].stdout
