"""Configs whose types are classes work in every tool."""

from pathlib import Path

import pytest

from tests.tools.command_line import call

CONFIG = Path(__file__).with_name('new_style_config.py')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('new_style')
    end = call('train', CONFIG, '--work-dir', folder, '--amp', cwd=folder)
    assert end is None
    return folder / 'epoch_1.pth'


@pytest.mark.parametrize(
    ('tool', 'out', 'flags'),
    [
        ('test', (), ('--rebalance', '--tau', 'auto', '--out', 'x.npz')),
        ('test', (), ('--tta',)),
        ('fit_rebalancer', ('out.pth',), ()),
        ('retrain_classifier', ('out.pth',), ('--method', 'tau-norm')),
        ('analysis/class_vectors', (), ('--split', 'val', '--out', 'x.json')),
    ],
)
def test_a_trained_model_is_read(trained, tmp_path, tool, out, flags):
    end = call(tool, CONFIG, trained, *out, *flags, cwd=tmp_path)

    assert end is None
    if out:  # what was written is used like any other model
        assert call('test', 'out.py', 'out.pth', cwd=tmp_path) is None


def test_training_goes_on(trained, tmp_path):
    flags = ('--resume', trained, '--cfg-options', 'train_cfg.max_epochs=2')

    assert call('train', CONFIG, '--work-dir', tmp_path, *flags, cwd=tmp_path) is None
    assert (tmp_path / 'epoch_2.pth').is_file()


def test_methods_are_compared(tmp_path):
    flags = ('--seeds', '1', '--workers', '1', '--methods', 'ce', 'gala')

    end = call('compare', CONFIG, '--work-dir', tmp_path, *flags, cwd=tmp_path)

    assert end is None
    assert '| gala |' in (tmp_path / 'results.md').read_text()
