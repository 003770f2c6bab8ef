"""docs/plankton.md: its commands work as printed, on a miniature."""

import re
import shlex
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.miniature_plankton import COUNTS, jpeg_files
from tests.preparation.tiny_cifar import zipped
from tests.tools.command_line import ROOT, call, load_tool

PAGE = (ROOT / 'docs' / 'plankton.md').read_text()
# Makes the printed training short enough for a test.
SMALL = [
    f'model.head.num_classes={len(COUNTS)}',
    f'data_preprocessor.num_classes={len(COUNTS)}',
    'model.backbone.base_channels=8',
    'model.head.in_channels=64',
    'train_dataloader.batch_size=8',
    'optim_wrapper.optimizer.lr=0.01',
    'train_cfg.max_epochs=3',
    'train_cfg.val_interval=3',
    'param_scheduler.T_max=3',
    'val_evaluator.topk=(1,)',
    'test_evaluator.topk=(1,)',
]


def commands(name):
    """Command lines of one step: tool and arguments."""
    pattern = rf'<!-- step: {name} -->\n```bash\n(.*?)```'
    (code,) = re.findall(pattern, PAGE, flags=re.DOTALL)
    lines = code.replace('\\\n', ' ').replace('epoch_20', 'epoch_3').splitlines()
    return [shlex.split(line) for line in lines]


def prepare(patch):
    """Run the page's first step in the current folder."""
    patch.setattr('mmgala.preparation.plankton.official_counts', lambda: COUNTS)
    patch.setattr('mmgala.preparation.plankton.SHA256', {})
    for python, tool, *arguments in commands('prepare'):
        assert (python, tool) == ('python', 'tools/prepare_data.py')
        patch.setattr(sys, 'argv', [tool, *arguments])
        load_tool('prepare_data').main()


@pytest.fixture(scope='module')
def followed(tmp_path_factory):
    """Folder in which the whole page was followed."""
    folder = tmp_path_factory.mktemp('plankton')
    files = {f'train/{name}': content for name, content in jpeg_files().items()}
    (folder / 'train.zip').write_bytes(zipped(files))
    (folder / 'configs').symlink_to(ROOT / 'configs')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare(patch)
    ends = {}
    for name in ('train', 'class mean', 'top-1'):
        for _, tool, *arguments in commands(name):
            tool = tool.removeprefix('tools/').removesuffix('.py')
            # The config that fit_rebalancer.py wrote already has the options.
            written = arguments[0].startswith('work_dirs/')
            options = [] if written else ['--cfg-options', *SMALL]
            where = [] if '--work-dir' in arguments else ['--work-dir', f'log/{name}']
            ends[name, tool] = call(tool, *arguments, *where, *options, cwd=folder)
    return SimpleNamespace(folder=folder, ends=ends)


def test_every_command_succeeds(followed):
    assert followed.ends == {
        ('train', 'train'): None,
        ('train', 'test'): None,
        ('class mean', 'fit_rebalancer'): None,
        ('class mean', 'test'): None,
        ('top-1', 'test'): None,
    }


def test_files_are_those_of_the_page(followed):
    found = {path.name for path in (followed.folder / 'data/plankton').iterdir()}
    (listed,) = re.findall(
        r'`data/plankton` then\s+holds (.*?) in all', PAGE, re.DOTALL
    )
    assert found == set(re.findall(r'`([\w.]+)`', listed))


def test_logs_name_the_steps_and_the_metric_to_look_at(followed):
    (log,) = (followed.folder / 'log/top-1').glob('2*/2*.log')
    assert 're-balanced with tau=' in log.read_text()
    assert 'accuracy/class_mean' in log.read_text()


def test_sizes_on_the_page_are_those_of_the_set():
    """15 and 25 percent of each class, at least one image, the rest for training."""
    from mmgala.datasets.class_counts import plankton_class_counts

    counts = np.array(list(plankton_class_counts().values()))
    val = np.maximum(1, np.floor(counts * 0.15 + 0.5)).astype(int)
    test = np.maximum(1, np.floor(counts * 0.25 + 0.5)).astype(int)
    train = counts - val - test
    for number in (counts.sum(), train.sum(), val.sum(), test.sum(), train.max(),
                   counts.max()):  # fmt: skip
        assert f'{number:,}' in PAGE
    assert f'{train.max():,} down to {train.min()} of a class' in PAGE
    assert f'{test.max()} down to {test.min()} images' in PAGE
