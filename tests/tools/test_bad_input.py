"""Tools fail on bad input with a one-line error."""

import json
import os
import re

import numpy as np
import pytest
import torch

from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import assert_one_line, call, options, run


@pytest.fixture
def checkpoints(tmp_path, trained):
    """Folder with a truncated, an empty and a foreign checkpoint."""
    content = trained.checkpoint.read_bytes()
    (tmp_path / 'truncated.pth').write_bytes(content[: len(content) // 2])
    (tmp_path / 'empty.pth').touch()
    torch.save({'state_dict': {'other.weight': torch.ones(3)}}, tmp_path / 'other.pth')
    return tmp_path


@pytest.fixture
def priors(tmp_path):
    """Folder with class priors that have one error each."""
    np.savetxt(tmp_path / 'short.txt', np.full(9, 1 / 9))
    (tmp_path / 'sum.json').write_text(json.dumps([0.2] * 10))
    (tmp_path / 'negative.json').write_text(json.dumps([-0.1, 0.3] * 5))
    (tmp_path / 'words.txt').write_text('one\ntwo\n')
    return tmp_path


@pytest.mark.parametrize('tool', ['test', 'fit_rebalancer'])
@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('nothing.pth', r'Checkpoint nothing\.pth does not exist'),
        ('truncated.pth', r'Checkpoint truncated\.pth cannot be read'),
        ('empty.pth', r'Checkpoint empty\.pth cannot be read'),
        (
            'other.pth',
            r"other\.pth does not fit the config: \d+ of the model's",
        ),
    ],
)
def test_unusable_checkpoint(checkpoints, trained, tool, name, message):
    out = [] if tool == 'test' else ['out.pth']

    end = call(tool, trained.config, name, *out, cwd=checkpoints)

    assert_one_line(end, message)


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize(
    ('tool', 'before', 'after'),
    [
        ('test', [], []),
        ('fit_rebalancer', [], ['out.pth']),
        ('train', ['--resume'], ['--work-dir', 'new']),
    ],
    ids=['test', 'fit_rebalancer', 'train --resume'],
)
def test_checkpoint_that_would_run_code(tmp_path, trained, tool, before, after):
    victim = tmp_path / 'victim'
    content = read_checkpoint(trained.checkpoint)
    content['meta']['note'] = Attack(f'touch {victim}')
    torch.save(content, tmp_path / 'evil.pth')

    end = call(tool, trained.config, *before, 'evil.pth', *after, cwd=tmp_path)

    assert_one_line(end, r'evil\.pth was not loaded: .* posix\.system')
    assert not victim.exists()


@pytest.mark.parametrize(
    ('tool', 'before', 'after'),
    [
        ('test', [], []),
        ('fit_rebalancer', [], ['out.pth']),
        ('train', ['--resume'], ['--work-dir', 'new']),
    ],
    ids=['test', 'fit_rebalancer', 'train --resume'],
)
def test_checkpoint_with_another_number_of_classes(
    tmp_path, trained, tool, before, after
):
    end = call(tool, trained.config, *before, trained.checkpoint, *after,
               *options(model__head__num_classes=7), cwd=tmp_path)  # fmt: skip

    assert_one_line(
        end, r'epoch_6\.pth does not fit .* \(10,\) in the checkpoint and \(7,'
    )


@pytest.mark.parametrize(
    ('tool', 'rest'),
    [('train', []), ('test', ['x.pth']), ('fit_rebalancer', ['x.pth', 'out.pth'])],
)
def test_missing_config(tmp_path, tool, rest):
    end = call(tool, 'configs/nothing.py', *rest, cwd=tmp_path)

    assert_one_line(end, r'Config configs/nothing\.py does not exist')


def test_stderr_of_a_process_is_only_the_error_line(tmp_path):
    result = run('train.py', 'nothing.py', cwd=tmp_path, succeeds=False)

    assert result.returncode == 1
    assert 'Traceback' not in result.stderr
    end = result.stderr.strip().splitlines()[-1]
    assert_one_line(end, r'Config nothing\.py does not exist')


@pytest.mark.parametrize(
    ('tau', 'reason'),
    [
        ('-1', '-1.0'),
        ('nan', 'nan'),
        ('inf', 'inf'),
        ('strong', "could not convert string to float: 'strong'"),
        ('', 'could not convert string to float'),
    ],
)
@pytest.mark.parametrize('tool', ['test', 'fit_rebalancer'])
def test_invalid_tau(tmp_path, trained, tool, tau, reason):
    rest = ['--rebalance'] if tool == 'test' else ['out.pth']

    end = call(tool, trained.config, trained.checkpoint, *rest, f'--tau={tau}',
               cwd=tmp_path)  # fmt: skip

    assert_one_line(end, rf'--tau takes a number or auto: .*{re.escape(reason)}')


@pytest.mark.parametrize('flags', [[], ['--temperature=2']])
def test_prior_without_a_step_that_uses_it(tmp_path, trained, flags):
    end = call('test', trained.config, trained.checkpoint, *flags, '--target-prior',
               'x.txt', cwd=tmp_path)  # fmt: skip

    assert_one_line(end, '--target-prior has no effect .* --rebalance')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('short.txt', r'`target_prior` to hold 10 values.*\(9,\)'),
        ('sum.json', '`target_prior` to sum to 1, but got 2'),
        ('negative.json', '`target_prior` to be finite and 0 or more'),
        ('words.txt', r'words\.txt does not contain one number per class'),
        ('nothing.txt', r'nothing\.txt does not exist'),
    ],
)
@pytest.mark.parametrize('tau', ['1', 'auto'])
def test_invalid_prior(priors, trained, tau, name, message):
    flags = ['--rebalance', '--tau', tau, '--target-prior', name]

    end = call('test', trained.config, trained.checkpoint, *flags, cwd=priors)

    assert_one_line(end, message)


def test_rebalancing_fewer_samples_than_classes(tmp_path, trained):
    end = call('test', trained.config, trained.checkpoint, '--rebalance',
               *options(test_dataloader__dataset__indices=9), cwd=tmp_path)  # fmt: skip

    assert_one_line(end, 'cannot estimate the mass of 10 classes from 9 samples')


def test_rebalancing_a_model_without_scores(tmp_path, trained):
    config = tmp_path / 'labels_only.py'
    config.write_text(
        f"_base_ = '{trained.config}'\n"
        "custom_imports = dict(imports=['tests.tools.labels_only'])\n"
        "model = dict(_delete_=True, type='mmengine.LabelsOnly')\n"
    )
    torch.save({'state_dict': {'weight': torch.zeros(1)}}, tmp_path / 'x.pth')

    end = call('test', config, 'x.pth', '--rebalance', cwd=tmp_path)

    assert_one_line(end, r'to have class scores \(`pred_score`\)')


def test_tau_auto_on_the_test_set_warns(tmp_path, trained):
    split = options(val_dataloader__dataset__split='test')

    flags = ['--rebalance', '--tau', 'auto', '--work-dir', 'work', *split]

    end = call('test', trained.config, trained.checkpoint, *flags, cwd=tmp_path)

    assert end is None
    (log,) = (tmp_path / 'work').glob('*/*.log')
    frame, first, second = re.search(
        r'WARNING - \n(\*{70,})\n(.*)\n(.*)\n\*{70,}', log.read_text()
    ).groups()
    assert 'the validation set of this config IS its test set' in first
    assert 'chosen on test data: do not report' in second
    assert len(frame) == len(first) == len(second)


def test_tau_auto_with_test_time_augmentation(tmp_path, trained):
    end = call('test', trained.config, trained.checkpoint, '--tau', 'auto', '--tta',
               cwd=tmp_path)  # fmt: skip

    assert_one_line(end, '--tau auto .* give a number with --tta')


def test_tau_auto_without_a_validation_set(tmp_path, trained):
    none = options(val_dataloader=None, val_cfg=None, val_evaluator=None)

    end = call('test', trained.config, trained.checkpoint, '--rebalance', '--tau',
               'auto', *none, cwd=tmp_path)  # fmt: skip

    assert_one_line(end, '--tau auto .* but the config has no val_dataloader')


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--out', 'x.csv'], r"--out with pred requires a file ending in \('\.npz', "),
        (
            ['--out', 'x.npz', '--out-item', 'metrics'],
            '--out with metrics requires a file',
        ),
        (['--out-item', 'pred'], '--out-item requires --out FILE'),
        (['--interval', '0'], '`--interval` to be an integer of 1 or more'),
        (['--wait-time', 'nan'], '`--wait-time` to be 0 or more, but got nan'),
        (['--temperature', '1e-300'], '--temperature .*but got 1e-300'),
        (['--rebalance', '--tau', '1e300'], r'--tau .*from 0 to 1000, but got 1e\+300'),
    ],
)
def test_output_that_cannot_be_written(tmp_path, trained, flags, message):
    end = call('test', trained.config, trained.checkpoint, *flags, cwd=tmp_path)

    assert_one_line(end, message)


def test_work_dir_of_another_training(trained):
    before = {p: p.stat().st_mtime_ns for p in trained.work_dir.iterdir()}

    end = call('train', trained.config, '--work-dir', trained.work_dir,
               cwd=trained.work_dir)  # fmt: skip

    assert_one_line(end, r'already contains a training \(epoch_6\.pth\): .* --resume')
    assert before == {p: p.stat().st_mtime_ns for p in trained.work_dir.iterdir()}


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('nothing.pth', r'nothing\.pth does not exist'),
        ('truncated.pth', r'truncated\.pth cannot be read'),
    ],
)
def test_resuming_from_an_invalid_checkpoint(checkpoints, trained, name, message):
    end = call('train', trained.config, '--work-dir', 'new', '--resume', name,
               cwd=checkpoints)  # fmt: skip

    assert_one_line(end, message)


def test_auto_scale_lr_without_a_base_batch_size(tmp_path, trained):
    config = tmp_path / 'no_base.py'
    config.write_text(f"_base_ = '{trained.config}'\nauto_scale_lr = None\n")

    end = call('train', config, '--auto-scale-lr', cwd=tmp_path)

    assert_one_line(
        end, r'--auto-scale-lr requires auto_scale_lr=dict\(base_batch_size='
    )


@pytest.mark.parametrize(
    ('out', 'message'),
    [
        ('checkpoint', 'must be new files'),
        ('config', 'must be new files'),
        ('x.pt', r'OUT to end in \.pth, but got x\.pt'),
    ],
)
def test_fitted_weights_never_overwrite_their_source(tmp_path, trained, out, message):
    out = {
        'checkpoint': trained.checkpoint,
        'config': trained.config.with_suffix('.pth'),
    }.get(out, out)
    before = trained.checkpoint.read_bytes(), trained.config.read_text()

    end = call('fit_rebalancer', trained.config, trained.checkpoint, out, cwd=tmp_path)

    assert_one_line(end, message)
    assert before == (trained.checkpoint.read_bytes(), trained.config.read_text())


def test_tau_is_not_chosen_on_test_labels(tmp_path, trained):
    end = call('fit_rebalancer', trained.config, trained.checkpoint, 'out.pth',
               '--split', 'test', cwd=tmp_path)  # fmt: skip

    assert_one_line(end, '--tau auto needs labels, .* --split val')
