"""Preparation of a run."""

from pathlib import PurePosixPath

import pytest
import torch
import yaml
from mmengine.config import Config

from benchmarks.reliability.bombs import write_bomb
from mmgala.apis.launch import (
    check_work_dir,
    end_distributed,
    load_config,
    set_dataloader_defaults,
    set_launcher,
    set_work_dir,
)
from mmgala.utils.checkpoint import read_checkpoint


def test_missing_config_is_named(tmp_path):
    path = tmp_path / 'config.py'

    with pytest.raises(FileNotFoundError, match=r'Config .*config\.py does not exist'):
        load_config(str(path))


@pytest.mark.parametrize(
    ('argument', 'in_config', 'expected'),
    [
        ('from/argument', 'from/config', 'from/argument'),
        ('from/argument', None, 'from/argument'),
        (None, 'from/config', 'from/config'),
        (None, None, 'work_dirs/gala/my_config'),
    ],
)
def test_work_dir_by_priority(argument, in_config, expected):
    cfg = Config({} if in_config is None else {'work_dir': in_config})

    set_work_dir(cfg, 'configs/gala/my_config.py', argument)

    assert cfg.work_dir == expected


def test_work_dir_with_checkpoints_is_refused(tmp_path):
    for epoch in (1, 2):
        (tmp_path / f'epoch_{epoch}.pth').touch()

    message = r'already contains a training \(epoch_2\.pth\): continue it with --resume'
    with pytest.raises(FileExistsError, match=message):
        check_work_dir(str(tmp_path))


@pytest.mark.parametrize('files', [[], ['log.txt', 'x.py']])
def test_work_dir_without_checkpoints_is_free(tmp_path, files):
    for name in files:
        (tmp_path / name).touch()

    check_work_dir(str(tmp_path))
    check_work_dir(str(tmp_path / 'not_there_yet'))


def test_dataloaders_are_completed_and_what_is_set_stays():
    cfg = Config(
        dict(
            default_scope='mmpretrain',
            train_dataloader=dict(num_workers=2),
            val_dataloader=dict(num_workers=0),
            test_dataloader=dict(
                num_workers=2,
                pin_memory=True,
                persistent_workers=False,
                collate_fn=dict(type='pseudo_collate'),
            ),
        )
    )

    set_dataloader_defaults(cfg, pin_memory=False)

    loaders = {
        name: dict(cfg[f'{name}_dataloader']) for name in ('train', 'val', 'test')
    }
    collate = dict(type='default_collate')
    rest = dict(pin_memory=False, collate_fn=collate)
    assert loaders == {
        'train': dict(num_workers=2, persistent_workers=True, **rest),
        'val': dict(num_workers=0, persistent_workers=False, **rest),
        'test': dict(
            num_workers=2,
            pin_memory=True,
            persistent_workers=False,
            collate_fn=dict(type='pseudo_collate'),
        ),
    }


def test_detection_keeps_its_own_collate_function_and_absent_loaders_stay_absent():
    cfg = Config(
        dict(default_scope='mmdet', train_dataloader=dict(), val_dataloader=None)
    )

    set_dataloader_defaults(cfg)

    assert 'collate_fn' not in cfg.train_dataloader
    assert cfg.val_dataloader is None
    assert 'test_dataloader' not in cfg


def test_no_launcher_starts_nothing():
    cfg = Config()

    set_launcher(cfg, 'none')

    assert cfg.to_dict() == {'launcher': 'none'}


def test_mpi_needs_gpus(monkeypatch):
    monkeypatch.setattr('mmgala.apis.launch.get_device', lambda: 'cpu')

    with pytest.raises(
        ValueError, match='launcher=mpi needs GPUs; .* pytorch or slurm'
    ):
        set_launcher(Config(), 'mpi')


def test_ending_without_a_process_group_does_nothing():
    end_distributed()


@pytest.mark.parametrize('base', [False, True], ids=['config', '_base_'])
def test_yaml_config_with_python_tags_is_refused_and_runs_nothing(tmp_path, base):
    path, victim = write_bomb(tmp_path, 'yaml')
    if base:
        path = tmp_path / 'config.py'
        path.write_text("_base_ = './bomb.yaml'\n")

    with pytest.raises(ValueError, match=rf'{path}.*line 1 .*io\.open.*plain YAML'):
        load_config(str(path))

    assert not victim.exists()
    yaml.unsafe_load((tmp_path / 'bomb.yaml').read_text())
    assert victim.exists()  # it does run where nobody looks


def test_plain_yaml_config_is_read(tmp_path):
    (tmp_path / 'x.yaml').write_text('model: {type: A, sizes: [1, 2]}\n')
    assert load_config(str(tmp_path / 'x.yaml')).model.sizes == [1, 2]


def test_types_that_a_config_allows_stay_allowed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'allowing_module.py').write_text(
        'import pathlib, torch\n'
        'torch.serialization.add_safe_globals([pathlib.PurePosixPath])\n'
    )
    (tmp_path / 'x.py').write_text("custom_imports = dict(imports='allowing_module')\n")
    torch.save({'state_dict': {}, 'x': PurePosixPath('a')}, tmp_path / 'x.pth')
    before = torch.serialization.get_safe_globals()
    try:
        load_config(str(tmp_path / 'x.py'))
        assert read_checkpoint(tmp_path / 'x.pth')['x'] == PurePosixPath('a')
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def test_a_config_that_never_ends_is_refused(tmp_path):
    (tmp_path / 'x.py').symlink_to('/dev/zero')
    with pytest.raises(ValueError, match=r'x\.py is a pipe or a device'):
        load_config(str(tmp_path / 'x.py'))
