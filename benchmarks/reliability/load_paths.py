"""Part ``load_paths``: every way to a file, in every tool, with files that are bombs.

Nothing here lists tools, arguments or keys of configs: all come from the folder of
tools, their parsers and a real config.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from mmengine.registry import init_default_scope

from benchmarks.reliability.bombs import DETOURS, FORMATS, write_bomb, write_detour
from benchmarks.reliability.config_keys import config_keys
from benchmarks.reliability.forked_tools import call_tool
from benchmarks.reliability.processes import ROOT, run_tool
from benchmarks.reliability.tool_arguments import (
    TOOLS,
    parser_of,
    takes_text,
    tool_name,
)
from benchmarks.reliability.trials import Outcome, Part, Trial
from mmgala.apis.launch import load_config

CONFIG = ROOT / 'configs' / 'gala' / 'resnet14_digits-lt.py'
LIMIT = 180.0  # seconds
# Enough of an argument to get past it to the others, by its name.
GOOD = {
    'config': 'small.py',
    'checkpoint': 'work/epoch_1.pth',
    'out': 'out.pth',
    'pred': 'work/predictions.npz',
    'work_dir': 'work',
    'name': 'cifar100',
    'method': 'tau-norm',
}
WORDS = ('out', 'name', 'method')  # of these, what is not below the folder
# Without these, a tool does not read files, or takes minutes. Not with the argument
# of that name.
ALSO = {
    'compare': ('--methods', 'ce', '--seeds', '1', '--workers', '1'),
    'train': ('--work-dir', 'trained'),
}
SMALL = f"""
_base_ = {str(CONFIG)!r}
model = dict(backbone=dict(base_channels=4, stem_channels=4), head=dict(in_channels=16))
train_cfg = dict(max_epochs=1, val_interval=1)
"""
# Messages about what a trial has got wrong itself.
NOT_TRIED = ('arguments are required', 'Dataset is not in the')
PRETRAINED = '{key}.type=Pretrained {key}.checkpoint={path}'
# Settings that lead to a file, for every tool that takes a config.
SETTINGS = {
    'load_from': 'load_from={path}',
    'resume': 'resume=True load_from={path}',
    'stage1': 'stage1.load_from={path}',
    'pretrained': 'model.pretrained={path}',
    **{
        f'init_cfg of {part}': PRETRAINED.replace('{key}', f'{part}.init_cfg')
        for part in ('model', 'model.backbone', 'model.head')
    },
    **{
        f'ann_file of {split}, {kind}': f'{split}_dataloader.dataset._delete_=True '
        f'{split}_dataloader.dataset.type={kind} '
        f'{split}_dataloader.dataset.ann_file={{path}}'
        for split in ('train', 'val', 'test')
        # The first reads pickles, as MMEngine's data sets do.
        for kind in ('MultiLabelDataset', 'CustomDataset', 'mmgala.CSVDataset')
    },
}


def plan(folder: Path) -> list[Trial]:
    """All trials; ``folder`` gets a small trained model."""
    prepare(folder)
    return [
        *(_control(kind) for kind in ('pth', 'legacy.pth', 'pkl', 'npy', 'yaml')),
        *argument_trials(folder, (*FORMATS, *DETOURS)),
        *setting_trials(folder, ('pth', 'legacy.pth', 'pkl', '://')),
        *key_trials(folder, ('pth', 'pkl')),
    ]


PART = Part('bombs in every way to a file', plan)


def prepare(folder: Path) -> None:
    """Train a small model, and write its predictions."""
    small, work = folder / 'small.py', folder / 'work'
    small.write_text(SMALL)
    run_tool(['tools/train.py', small, '--work-dir', work], limit=600)
    checkpoint, out = work / 'epoch_1.pth', work / 'predictions.npz'
    done = run_tool(['tools/test.py', small, checkpoint, '--out', out], limit=600)
    if done.status:
        raise RuntimeError(f'The small model was not made: {done.last_line}')


def argument_trials(folder: Path, kinds: Sequence[str]) -> list[Trial]:
    """Each argument of each tool that could be a path, as each kind of bomb."""
    trials = []
    for tool in TOOLS:
        for action in parser_of(tool)._actions:
            if not takes_text(action) or action.dest == 'cfg_options':
                continue
            flag = action.option_strings[:1]
            for kind in kinds:
                tried = [*(flag or [f'{{{action.dest}}}']), '{path}']
                run = functools.partial(_try, folder, tool, kind, tried)
                name = f'{tool_name(tool)} {flag[0] if flag else action.dest}, {kind}'
                trials.append(Trial(name, 'nothing runs', run, tool_name(tool)))
    return trials


def setting_trials(folder: Path, kinds: Sequence[str]) -> list[Trial]:
    """The settings that lead to files, in each tool that takes a config."""
    return [
        Trial(
            f'{tool_name(tool)} {setting}, {kind}',
            'nothing runs',
            functools.partial(
                _try, folder, tool, kind, ['--cfg-options', *option.split()]
            ),
            tool_name(tool),
        )
        for tool in TOOLS
        if any(action.dest == 'cfg_options' for action in parser_of(tool)._actions)
        for setting, option in SETTINGS.items()
        for kind in kinds
    ]


def key_trials(folder: Path, kinds: Sequence[str]) -> list[Trial]:
    """Each key of a config in a training: as a path, and as pretrained weights."""
    cfg = load_config(str(CONFIG))
    init_default_scope(cfg.default_scope)
    train = next(tool for tool in TOOLS if tool_name(tool) == 'train')
    trials = []
    for key in config_keys(cfg):
        for form in ('{key}={path}', PRETRAINED):
            if form is PRETRAINED and not key.startswith('model.'):
                continue
            options = form.replace('{key}', key).split()
            for kind in kinds:
                how = ' as weights' if form is PRETRAINED else ''
                name = f'{key}{how}, {kind}'
                run = functools.partial(
                    _try, folder, train, kind, ['--cfg-options', *options]
                )
                trials.append(Trial(name, 'nothing runs', run, 'keys of a config'))
    return trials


def command_line(tool: Path, folder: Path, tried: Sequence[str]) -> list[str]:
    """Arguments of a tool: good ones, and those to be tried instead of them."""
    actions, flag = parser_of(tool)._actions, tried[0]
    line: list[str] = []
    for action in actions:
        if action.option_strings and not action.required:
            continue
        names = [*action.option_strings[:1]]
        if flag in (*names, f'{{{action.dest}}}'):
            line += [*names, tried[1]]
            continue
        good = GOOD[action.dest]
        here = action.dest in WORDS  # not a file to read
        line += [*names, good if here else str(folder / good)]
    also = ALSO.get(tool_name(tool), ())
    line += () if flag in also else also
    return line if tried[1] in line else [*line, *tried]


def _try(
    folder: Path, tool: Path, kind: str, tried: Sequence[str], own: Path
) -> Outcome:
    victim = own / 'victim'
    if kind in DETOURS:
        path = write_detour(own, kind, victim, folder / GOOD['checkpoint'])
    else:
        path = str(write_bomb(own, kind, victim)[0])
    line = [part.replace('{path}', path) for part in tried]
    script = Path('tools') / f'{tool_name(tool)}.py'
    seen = call_tool([script, *command_line(tool, folder, line)], LIMIT, own)
    if victim.exists():
        return Outcome(False, f'it ran: {seen.last_line}', 'code run')
    if seen.hung:
        return Outcome(False, f'no end: {seen.last_line}', 'hang')
    if any(sign in seen.last_line for sign in NOT_TRIED) or (
        seen.status and not seen.last_line
    ):
        return Outcome(False, seen.last_line, 'not tried')
    return Outcome(True, f'status {seen.status}: {seen.last_line}')


def _control(kind: str) -> Trial:
    """The same bombs go off when they are read carelessly."""

    def run(own: Path) -> Outcome:
        import mmengine
        import numpy as np
        import torch

        path, victim = write_bomb(own, kind)
        if 'pth' in kind:
            torch.load(path, weights_only=False)
        elif kind == 'npy':
            np.load(path, allow_pickle=True)
        else:
            mmengine.load(path)
        return Outcome(victim.exists(), 'it ran' if victim.exists() else 'a dud', 'dud')

    return Trial(f'control, {kind}', 'it runs without the gate', run, 'control')
