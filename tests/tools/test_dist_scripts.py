"""dist_train.sh and dist_test.sh with two processes on the CPU."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from mmgala.utils.checkpoint import read_checkpoint
from tests.evaluation.references import expected_metrics
from tests.reference.rebalance_numpy import rebalance
from tests.tools.command_line import LIMIT, ROOT, command, environment, options, run
from tests.tools.tau import best_tau

NUM_SAMPLES = 497  # odd, so the second process gets a duplicate sample
SUBSET = options(test_dataloader__dataset__indices=NUM_SAMPLES)


def assert_metrics(found, scores, raw):
    target = raw.targets[:NUM_SAMPLES]
    expected = expected_metrics(scores, target, raw.counts, many=40, few=10)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-4), name


def test_metrics_on_two_processes_equal_those_on_one(
    tmp_path, trained, raw, validation
):
    """The strength is chosen on all scores, so each process must gather them."""
    arguments = [trained.config, trained.checkpoint, 2, '--out', 'm.json']
    flags = ['--rebalance', '--tau', 'auto']
    said = run('dist_test.sh', *arguments, *flags, *SUBSET, cwd=tmp_path).stderr
    metrics = json.loads((tmp_path / 'm.json').read_text())

    tau, _ = best_tau(validation.scores, validation.targets)
    assert f're-balanced with tau={tau:g} over' in said
    assert_metrics(metrics, rebalance(raw.scores[:NUM_SAMPLES], tau), raw)


@pytest.fixture(scope='module')
def dist_trained(tmp_path_factory, trained):
    """Two epochs on two processes, with a scaled learning rate."""
    folder = tmp_path_factory.mktemp('dist')
    flags = ['--work-dir', 'work', '--auto-scale-lr',
             *options(train_cfg__max_epochs=2, train_cfg__val_interval=2)]  # fmt: skip
    run('dist_train.sh', trained.config, 2, *flags, cwd=folder)
    return read_checkpoint(folder / 'work' / 'epoch_2.pth')


def test_torchrun_starts_the_command(tmp_path, trained):
    """As the docs say, without a script of ``tools``."""
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone',
         '--nproc-per-node', '2', '-m', 'mmgala', 'train', trained.config,
         '--launcher', 'pytorch', '--work-dir', 'work',
         *options(train_cfg__max_epochs=1, train_cfg__val_interval=1)],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    checkpoint = read_checkpoint(tmp_path / 'work' / 'epoch_1.pth')
    assert checkpoint['meta']['iter'] == int(np.ceil(284 / 64))


def test_training_on_two_processes_doubles_the_batch(dist_trained):
    assert dist_trained['meta']['iter'] == 2 * int(np.ceil(284 / 64))
    (group,) = dist_trained['optimizer']['param_groups']
    assert group['initial_lr'] == pytest.approx(0.05 * 2)


def test_statistics_include_the_samples_of_both_processes(dist_trained):
    state = dist_trained['state_dict']
    theta = state['head.loss_module.pos_grad']
    counts = torch.tensor(dist_trained['meta']['class_counts'], dtype=torch.float)

    # Two epochs add at most 2 per sample (and 2 more for the padding sample);
    # half of the samples could not have added this much to the rare classes.
    assert counts.sum() == 284
    assert (theta <= 2 * counts + 4).all()
    assert theta[-3:].sum() > counts[-3:].sum()


@pytest.mark.parametrize(
    ('script', 'arguments'), [('dist_train.sh', ['x.py']), ('dist_test.sh', ['x', 'y'])]
)
def test_too_few_arguments_print_the_usage(script, arguments):
    result = subprocess.run(
        command(script, *arguments), capture_output=True, text=True, timeout=60
    )

    assert result.returncode == 2
    assert f'tools/{script} CONFIG' in result.stderr


def left_over(name):
    """Processes whose command line names this."""
    listed = subprocess.run(['ps', '-ewwo', 'args'], capture_output=True, text=True)
    return [line for line in listed.stdout.splitlines() if name in line]


@pytest.mark.parametrize(
    ('number', 'status'), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=str
)
def test_the_processes_end_with_the_launcher(tmp_path, trained, number, status):
    work_dir = tmp_path / 'work'
    flags = ['--work-dir', work_dir, *options(train_cfg__max_epochs=1000)]
    with (tmp_path / 'output').open('w') as output:
        script = subprocess.Popen(
            command('dist_train.sh', trained.config, 2, *flags),
            cwd=tmp_path,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until((work_dir / 'epoch_1.pth').exists)
        assert len(left_over(str(work_dir))) == 3  # launcher and two ranks

        script.send_signal(number)

        assert script.wait(timeout=60) == status
        wait_until(lambda: not left_over(str(work_dir)))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(script.pid, signal.SIGKILL)
    text = (tmp_path / 'output').read_text()
    assert text.splitlines()[-1] == 'error: terminated; run the same command again.'
    assert 'Traceback' not in text


def wait_until(condition):
    """Wait for something that takes a moment, or much longer on a busy machine."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


RECORDER = """#!/bin/sh
printf '%s\\n' "OMP_NUM_THREADS=$OMP_NUM_THREADS" "$@"
exit 3
"""


@pytest.fixture
def recorded(tmp_path):
    """Factory: arguments that a script passes to Python, which then fails."""
    python = tmp_path / 'python'
    python.write_text(RECORDER)
    python.chmod(0o755)

    def record(script, *arguments, **env):
        result = run(script, *arguments, cwd=tmp_path, succeeds=False,
                     PYTHON=str(python), **env)  # fmt: skip
        assert result.returncode == 3  # the script fails, too
        return result.stdout.splitlines()

    return record


def test_one_machine_needs_no_port(recorded):
    assert recorded('dist_train.sh', 'c.py', '8', '--work-dir', 'w d') == [
        'OMP_NUM_THREADS=1', '-m', 'mmgala.cli.torchrun', '--standalone',
        '--nproc-per-node', '8', str(ROOT / 'tools' / 'train.py'),
        'c.py', '--work-dir', 'w d', '--launcher', 'pytorch',
    ]  # fmt: skip


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_scripts_work_through_links_and_in_folders_with_spaces(
    tmp_path, recorded, script
):
    folder = tmp_path / 'my scripts'
    folder.mkdir()
    (folder / 'link.sh').symlink_to(ROOT / 'tools' / script)

    result = subprocess.run(
        ['./link.sh', 'my config.py', 'x.pth', '2'],
        cwd=folder,
        env=environment(PYTHON=str(tmp_path / 'python')),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert 'my config.py' in result.stdout.splitlines()
    assert str(ROOT / 'tools' / script.replace('dist_', '').replace('.sh', '.py')) in (
        result.stdout.splitlines()
    )


def test_several_machines_connect_to_the_master(recorded):
    nodes = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='10.0.0.7', PORT='29511',
                 OMP_NUM_THREADS='4')  # fmt: skip
    assert recorded('dist_test.sh', 'c.py', 'x.pth', '4', '--rebalance', **nodes) == [
        'OMP_NUM_THREADS=4', '-m', 'mmgala.cli.torchrun', '--nnodes', '2',
        '--node-rank', '1', '--master-addr', '10.0.0.7', '--master-port', '29511',
        '--nproc-per-node', '4', str(ROOT / 'tools' / 'test.py'),
        'c.py', 'x.pth', '--rebalance', '--launcher', 'pytorch',
    ]  # fmt: skip
