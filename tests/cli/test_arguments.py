"""Options of the command line override settings, and misspelt sections are refused."""

import argparse
import importlib
import sys

import pytest
from mmengine.config import Config

from mmgala.cli.arguments import (
    add_config_arguments,
    parse_args,
    parse_launched_args,
)
from mmgala.cli.cfg_options import merge_options
from mmgala.cli.commands import merge

SECTIONS = dict(
    model=dict(type='X', head=dict(num_classes=10)),
    train_dataloader=dict(batch_size=2, dataset=dict(type='X'), sampler=dict(type='X')),
    optim_wrapper=dict(optimizer=dict(lr=0.1)),
)


def test_options_override_settings():
    cfg = Config(SECTIONS)
    merge_options(cfg, {'model.head.num_classes': 5, 'optim_wrapper.clip_grad': None})
    assert cfg.model.head.num_classes == 5
    assert cfg.optim_wrapper == dict(optimizer=dict(lr=0.1), clip_grad=None)


def test_no_options_change_nothing():
    cfg = Config(SECTIONS)
    merge_options(cfg, None)
    assert cfg.to_dict() == SECTIONS


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('optim_wraper.optimizer.lr', 'optim_wrapper'),
        ('train_dataloder.batch_size', 'train_dataloader'),
        ('randomnes.seed', 'randomness'),  # not in this config
        ('tta_piplines', 'tta_pipeline'),
    ],
)
def test_a_misspelt_section_is_refused(key, meant):
    cfg = Config(SECTIONS)
    with pytest.raises(ValueError, match=f"{key}.*'{meant}'"):
        merge_options(cfg, {key: 1})
    assert cfg.to_dict() == SECTIONS


@pytest.mark.parametrize('key', ['tta_pipeline', 'load_from', 'my_own_flag'])
def test_sections_that_the_config_lacks_can_be_added(key):
    cfg = Config(SECTIONS)
    merge_options(cfg, {key: 'x'})
    assert cfg[key] == 'x'


def test_a_section_with_a_wrong_value_is_refused():
    cfg = Config(SECTIONS)
    with pytest.raises(ValueError, match=r'train_dataloader .* to be a dict.*\[\]'):
        merge_options(cfg, {'train_dataloader': []})


def read_options(*given):
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return parser.parse_args(['config.py', '--cfg-options', *given]).cfg_options


@pytest.mark.parametrize(
    ('given', 'advice'),
    [
        ('noequals', 'expected KEY=VALUE'),
        ('=x', 'expected KEY=VALUE'),
        ('.=1', 'expected KEY=VALUE'),
        ('a..b=1', 'expected KEY=VALUE'),
        ('a=[1,(2', 'without'),
        ('custom_hooks=[dict(type=X)]', 'cannot express a dict'),
        ("model={'type': 'X'}", 'cannot express a dict'),
    ],
)
def test_an_option_that_cannot_be_read_is_shown(given, advice):
    with pytest.raises(ValueError, match=advice) as end:
        read_options('a.b=1', given)
    assert f'--cfg-options {given}: ' in str(end.value)


def test_options_are_read_as_mmengine_reads_them():
    assert read_options('a.b=1', 'c=[(1,2),(x,y)]', 'd=e=f') == {
        'a.b': 1,
        'c': [(1, 2), ('x', 'y')],
        'd': 'e=f',
    }


@pytest.mark.parametrize('option', [{'load_from': 'other.pth'}, {'resume': True}])
def test_a_tool_with_a_checkpoint_argument_takes_no_other_weights(option):
    cfg = Config(SECTIONS)
    value = next(iter(option.values()))
    with pytest.raises(ValueError, match=rf'={value}: .*CHECKPOINT, mine\.pth'):
        merge_options(cfg, option, 'mine.pth')
    assert cfg.to_dict() == SECTIONS


@pytest.mark.parametrize(
    ('given', 'value'),
    [
        ('load_from=my data/the best.pth', 'my data/the best.pth'),
        ("load_from='my data/the best.pth'", 'my data/the best.pth'),
        ('load_from= 3 ', 3),
        ('load_from=[1, 2]', [1, 2]),
        ('load_from=a, b', ['a', 'b']),
    ],
)
def test_a_value_keeps_its_spaces(given, value):
    assert read_options(given) == {'load_from': value}


def test_a_similar_flag_is_named(monkeypatch, capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument('--work-dir')
    parser.add_argument('--tau')  # not similar to --out
    monkeypatch.setattr(sys, 'argv', ['train', '--wrok-dir=x', '--out'])

    with pytest.raises(SystemExit):
        parse_args(parser)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith('arguments: --wrok-dir=x --out. Did you mean --work-dir?')


def launched(monkeypatch, processes, command, *arguments):
    """Parse a command line in a process that torchrun has started."""
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'none')
    monkeypatch.setenv('WORLD_SIZE', str(processes))
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setattr(sys, 'argv', [f'mmgala {command}', *arguments])
    module = importlib.import_module(f'mmgala.cli.commands.{command}')
    parse = parse_launched_args if command in ('train', 'test') else parse_args
    return parse(module.build_parser())


ALONE = {
    'fit': ('c.py', 'a.pth', 'b.pth'),
    'export': ('c.py', 'a.pth', 'b.onnx'),
    'merge': ('a.pth', 'b.pth'),
}
TOGETHER = {'train': ('c.py',), 'test': ('c.py', 'a.pth')}


@pytest.mark.parametrize('command', ALONE)
def test_a_command_of_one_process_is_not_started_twice(monkeypatch, command):
    message = f'2 processes.*mmgala {command} works in one.*without torchrun'
    with pytest.raises(ValueError, match=message):
        launched(monkeypatch, 2, command, *ALONE[command])
    assert launched(monkeypatch, 1, command, *ALONE[command])


@pytest.mark.parametrize('command', TOGETHER)
def test_processes_of_torchrun_need_the_launcher(monkeypatch, command):
    words = TOGETHER[command]
    with pytest.raises(ValueError, match=r'2 processes.*add --launcher pytorch'):
        launched(monkeypatch, 2, command, *words)
    args = launched(monkeypatch, 2, command, *words, '--launcher', 'pytorch')
    assert args.launcher == 'pytorch'


def test_a_cluster_may_set_the_world_size_for_all_commands(monkeypatch):
    monkeypatch.delenv('TORCHELASTIC_RUN_ID', raising=False)
    monkeypatch.setenv('WORLD_SIZE', '8')
    monkeypatch.setattr(sys, 'argv', ['mmgala merge', 'a.pth', 'b.pth'])
    assert parse_args(merge.build_parser()).out.name == 'b.pth'
