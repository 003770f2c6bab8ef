"""Preparation of a run."""

import pytest
from mmengine.config import Config

from mmgala.apis.launch import (
    check_work_dir,
    end_distributed,
    load_config,
    set_dataloader_defaults,
    set_launcher,
    set_work_dir,
)


@pytest.mark.parametrize('content', [None, 'directory'])
def test_missing_config_is_named(tmp_path, content):
    path = tmp_path / 'config.py'
    if content:
        path.mkdir()

    with pytest.raises(FileNotFoundError, match=r'Config .*config\.py does not exist'):
        load_config(str(path))


@pytest.mark.parametrize(
    ('argument', 'in_config', 'expected'),
    [
        ('from/argument', 'from/config', 'from/argument'),
        ('from/argument', None, 'from/argument'),
        (None, 'from/config', 'from/config'),
        (None, None, 'work_dirs/my_config'),
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
