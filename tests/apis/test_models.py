"""A checkpoint is written with its config, each whole or not at all."""

import contextlib
import resource

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.testing import assert_close

from mmgala.apis.models import check_output_path, load_model, save_model
from mmgala.registry import MODELS
from mmgala.utils.checkpoint import read_checkpoint


@pytest.fixture
def cfg():
    init_default_scope('mmpretrain')
    head = dict(type='LinearClsHead', num_classes=4, in_channels=3)
    model = dict(type='ImageClassifier', backbone=dict(type='mmgala.PlainConvNet',
                 channels=(3,), strides=(1,)), head=head)  # fmt: skip
    return Config(dict(default_scope='mmpretrain', model=model))


def test_both_files_give_the_model_back(tmp_path, cfg):
    state = MODELS.build(cfg.model).state_dict()
    out = tmp_path / 'deep' / 'out.pth'

    save_model(cfg, state, dict(epoch=3), out)

    assert sorted(p.name for p in out.parent.iterdir()) == ['out.pth', 'out.py']
    stored, written = read_checkpoint(out), Config.fromfile(out.with_suffix('.py'))
    assert stored['meta'] == dict(epoch=3, cfg=cfg.pretty_text)
    assert_close(load_model(written, stored, out).cpu().state_dict(), state)


@contextlib.contextmanager
def small_files(limit):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_old_file(tmp_path, cfg):
    state = MODELS.build(cfg.model).state_dict()
    out = tmp_path / 'out.pth'
    out.write_bytes(b'old')

    with small_files(500), pytest.raises(OSError, match=r'out\.pth cannot be written'):
        save_model(cfg, state, {}, out)

    assert out.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [out]


def test_weights_that_do_not_fit_are_not_written(tmp_path, cfg):
    state = MODELS.build(cfg.model).state_dict()
    state['head.fc.bias'] = torch.zeros(5)
    with pytest.raises(ValueError, match=r'head\.fc\.bias is \(5,\) in the checkpoint'):
        save_model(cfg, state, {}, tmp_path / 'out.pth')
    assert list(tmp_path.iterdir()) == []


def test_names_that_cannot_be_written(tmp_path):
    (tmp_path / 'folder.py').mkdir()
    (tmp_path / 'file').touch()
    for name, message in (
        ('out.pt', r'OUT to end in \.pth, but got .*out\.pt'),
        ('kept.pth', 'must be new files'),
        ('folder.pth', r'folder\.py is a folder'),
        ('file/deep/out.pth', 'cannot be written, as .*file is not a folder'),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            check_output_path(tmp_path / name, tmp_path / 'kept.py', None)
    check_output_path(tmp_path / 'new' / 'out.pth', tmp_path / 'kept.py', None)
