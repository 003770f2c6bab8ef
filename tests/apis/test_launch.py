"""What the command-line tools share."""

import json

import numpy as np
import pytest
from mmengine.config import Config

from mmgala.apis.launch import (
    check_work_dir,
    end_distributed,
    load_config,
    one_line_errors,
    read_class_vector,
    set_dataloader_defaults,
    set_launcher,
    set_work_dir,
)
from mmgala.registry import MODELS

VALUES = [0.5, 0.25, 0.25]


def write_npz_as_npy(path):
    with path.open('wb') as file:
        np.savez(file, VALUES)


@pytest.mark.parametrize(
    ('name', 'write'),
    [
        ('prior.json', lambda path: path.write_text(json.dumps(VALUES))),
        ('prior.npy', lambda path: np.save(path, np.array(VALUES, np.float32))),
        ('prior.txt', lambda path: path.write_text('0.5\n0.25\n0.25\n')),
        ('prior', lambda path: path.write_text('# shares\n0.5 0.25 2.5e-1')),
    ],
    ids=['json', 'npy', 'text', 'text in one line'],
)
def test_class_vector_of_every_format(tmp_path, name, write):
    write(tmp_path / name)

    assert read_class_vector(str(tmp_path / name)) == VALUES


@pytest.mark.parametrize(
    ('name', 'write'),
    [
        ('x.json', lambda path: path.write_text('{"a": 1}')),
        ('x.json', lambda path: path.write_text('[0.5, "many"]')),
        ('x.json', lambda path: path.write_text('[0.5,')),
        ('x.json', lambda path: path.write_text('[[0.5, 0.5]]')),
        ('x.json', lambda path: path.write_text('0.5')),
        ('x.txt', lambda path: path.write_text('cat 0.5\ndog 0.5\n')),
        ('x.txt', lambda path: path.write_text('0 0.5\n1 0.5\n')),
        ('x.txt', lambda path: path.write_bytes(b'\xff\xfe\x00')),
        ('x.npy', lambda path: path.write_bytes(b'')),
        ('x.npy', lambda path: path.write_text('0.5')),
        ('x.npy', lambda path: np.save(path, np.array([{}]), allow_pickle=True)),
        ('x.npy', lambda path: np.save(path, np.eye(2))),
        ('x.npy', write_npz_as_npy),
    ],
)
def test_other_content_is_no_class_vector(tmp_path, name, write):
    path = tmp_path / name
    write(path)

    with pytest.raises(
        ValueError, match=f'{name} does not contain one number per class'
    ):
        read_class_vector(str(path))


def test_missing_class_vector_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'prior\.txt does not exist'):
        read_class_vector(str(tmp_path / 'prior.txt'))


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


@pytest.mark.parametrize(
    ('error', 'line'),
    [
        (ValueError('tau is wrong'), 'error: tau is wrong'),
        (TypeError('no labels'), 'error: no labels'),
        (FileNotFoundError('x is not there'), 'error: x is not there'),
        (
            AssertionError('failed to load image: a.png'),
            'error: failed to load image: a.png',
        ),
        (ValueError('two\n  lines'), 'error: two   lines'),
        (AssertionError(), 'error: AssertionError'),
        (
            OSError(
                'Caught OSError in DataLoader worker process 0.\nOriginal Traceback '
                '(most recent call last):\n  File "x.py"\nOSError: a.png is broken\n'
            ),
            'error: OSError: a.png is broken',
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_user_errors_end_the_program_with_one_line(error, line):
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise error

    assert end.value.code == line


def test_traceback_on_request(monkeypatch):
    monkeypatch.setenv('MMGALA_TRACEBACK', '1')

    with pytest.raises(ValueError, match='^the error itself$'), one_line_errors():
        raise ValueError('the error itself')


@pytest.mark.parametrize('error', [RuntimeError, ZeroDivisionError, KeyboardInterrupt])
def test_other_errors_keep_their_traceback(error):
    with pytest.raises(error), one_line_errors():
        raise error


def test_a_key_alone_keeps_its_traceback():
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError('num_classes')


def test_an_unknown_type_in_a_config_ends_with_one_line():
    with pytest.raises(SystemExit) as end, one_line_errors():
        MODELS.build(dict(type='mmgala.NoSuchLoss'))

    assert end.value.code.startswith('error: ')
    assert 'NoSuchLoss is not in the' in end.value.code
    assert len(end.value.code.splitlines()) == 1


def test_ending_without_a_process_group_does_nothing():
    end_distributed()


def test_nothing_happens_without_an_error():
    with one_line_errors():
        result = 1

    assert result == 1
