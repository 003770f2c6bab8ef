"""No way to a file runs code in it: every tool, argument and key of a config."""

import argparse
import copy
from collections import Counter

import pytest
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS, init_default_scope

from benchmarks.reliability import load_paths
from benchmarks.reliability.bombs import FORMATS, write_bomb
from benchmarks.reliability.config_keys import config_keys
from benchmarks.reliability.tool_arguments import TOOLS, parser_of, tool_name
from mmgala.apis.launch import load_config
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.safe_loading import only_plain_data

# Each argument once, as what a tool expects there or, failing that, as weights.
EXPECTED = {
    'config': '_base_',
    'methods_file': '_base_',
    'work_dir': 'folder',
    'features': 'folder',
    'source': 'folder',
    'root': 'folder',
    'pred': 'npz',
    'val': 'npz',
    'class_counts': 'npy',
    'target_prior': 'npy',
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('load_paths')
    load_paths.prepare(folder)
    return folder


def assert_nothing_runs(trials, tmp_path):
    for index, trial in enumerate(trials):
        own = tmp_path / str(index)
        own.mkdir()
        outcome = trial.run(own)
        assert outcome.ok, f'{trial.name}: {outcome.seen}'


@pytest.mark.parametrize('tool', TOOLS, ids=tool_name)
def test_no_argument_of_a_tool_runs_code(folder, tmp_path, tool):
    chosen = []
    for action in parser_of(tool)._actions:
        kind = EXPECTED.get(action.dest, 'pth')
        trials = load_paths.argument_trials(folder, [kind])
        what = action.option_strings[0] if action.option_strings else action.dest
        name = f'{tool_name(tool)} {what}, {kind}'
        chosen += [trial for trial in trials if trial.name == name]
    assert chosen
    assert_nothing_runs(chosen, tmp_path)


@pytest.mark.parametrize('kind', ['pth', '://'])
@pytest.mark.parametrize('tool', ['train', 'test', 'compare'])
def test_no_setting_that_names_weights_runs_code(folder, tmp_path, tool, kind):
    chosen = [
        trial
        for trial in load_paths.setting_trials(folder, [kind])
        if trial.group == tool
        and any(word in trial.name for word in ('load_from', 'pretrained', 'backbone'))
    ]
    assert len(chosen) == 3
    assert_nothing_runs(chosen, tmp_path)


def parts(cfg, prefix=''):
    """All dicts with a type in a config, with their keys."""
    if isinstance(cfg, dict):
        if 'type' in cfg and prefix:
            yield prefix, cfg
        for name, value in cfg.items():
            yield from parts(value, f'{prefix}.{name}' if prefix else name)
    elif isinstance(cfg, (list, tuple)):
        for index, value in enumerate(cfg):
            yield from parts(value, f'{prefix}.{index}')


def build(cfg):
    """Build a part of a config in whichever registry has it, and read its files."""
    for registry in (MODELS, DATASETS, METRICS, HOOKS):
        try:
            part = registry.build(copy.deepcopy(cfg))
        except Exception:
            continue
        try:
            for method in ('init_weights', 'full_init'):
                getattr(part, method, lambda: None)()
        except Exception:
            pass


def test_no_key_of_a_config_runs_code_where_its_part_is_built(tmp_path):
    """The campaign tries the same keys in whole trainings."""
    cfg = load_config(str(load_paths.CONFIG))
    init_default_scope(cfg.default_scope)
    keys = config_keys(cfg)
    dicts = dict(parts(cfg.to_dict()))
    path, victim = write_bomb(tmp_path, 'pth')
    weights = dict(type='Pretrained', checkpoint=str(path))
    tried = Counter()
    with only_plain_data():
        for key in keys:
            owner, _, name = key.rpartition('.')
            if owner not in dicts:
                continue
            for value in (str(path), weights):
                build({**dicts[owner], name: value})
                tried[owner.partition('.')[0]] += 1
            assert not victim.exists(), key
    assert tried['model'] > 50
    assert tried['train_dataloader'] > 50

    # Without the gate, the same keys do run code.
    build({**dicts['model.backbone'], 'init_cfg': weights})
    assert victim.exists()


def test_keys_include_those_that_a_config_does_not_set():
    cfg = load_config(str(load_paths.CONFIG))
    init_default_scope(cfg.default_scope)
    keys = set(config_keys(cfg))
    assert {
        'load_from',
        'model.pretrained',
        'model.backbone.init_cfg',
        'model.head.loss.lambda_pos',
        'train_dataloader.dataset.dataset.ann_file',
        'visualizer.vis_backends.0.save_dir',
    } <= keys


def test_every_tool_is_tried():
    names = {tool_name(tool) for tool in TOOLS}
    scripts = {
        str(path.relative_to(load_paths.ROOT / 'tools').with_suffix(''))
        for path in (load_paths.ROOT / 'tools').rglob('*.py')
    }
    assert names == scripts
    assert all(isinstance(parser_of(t), argparse.ArgumentParser) for t in TOOLS)


@pytest.mark.parametrize('kind', FORMATS)
def test_bombs_do_not_go_off_when_they_are_written(tmp_path, kind):
    path, victim = write_bomb(tmp_path, kind)
    assert path.is_file()
    assert not victim.exists()


@pytest.mark.parametrize(
    'tool', ['analysis/class_vectors', 'fit_rebalancer', 'retrain_classifier', 'test']
)
def test_the_config_in_a_checkpoint_is_not_executed(folder, tmp_path, tool):
    name = f'{tool} checkpoint, meta'
    trials = load_paths.argument_trials(folder, ['meta'])
    outcome = next(t for t in trials if t.name == name).run(tmp_path)
    assert outcome.ok, outcome.seen
    assert outcome.seen.startswith('status 0'), outcome.seen
    exec(read_checkpoint(tmp_path / 'meta.pth')['meta']['cfg'])
    assert (tmp_path / 'victim').exists()  # so it would have been seen
