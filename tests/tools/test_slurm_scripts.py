"""The Slurm scripts with a fake ``srun`` that records or runs its command."""

import json
import os
import socket
import subprocess
import sys

import pytest

from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import ROOT, command, environment, options

RECORDER = """#!{python}
import json, os, sys
print(json.dumps(dict(argv=sys.argv[1:], path=os.environ['PYTHONPATH'])))
"""

# Drops options of srun and starts two tasks, as Slurm would on one node.
STARTER = """#!{python}
import os, subprocess, sys
task = sys.argv[sys.argv.index({python!r}) :]
tasks = [
    subprocess.Popen(task, env=dict(
        os.environ, SLURM_PROCID=str(i), SLURM_LOCALID=str(i), SLURM_NTASKS='2',
        SLURM_NODELIST='node[1-1]'))
    for i in range(2)
]
sys.exit(max(abs(task.wait()) for task in tasks))
"""

SCONTROL = """#!/bin/sh
[ "$*" = "show hostname node[1-1]" ] && echo 127.0.0.1
"""


@pytest.fixture
def slurm(tmp_path):
    """Factory: run a script with this ``srun`` first on ``PATH``."""
    binaries = tmp_path / 'bin'
    binaries.mkdir()

    def script(srun, name, *arguments, **env):
        programs = {'srun': srun.format(python=sys.executable), 'scontrol': SCONTROL}
        for program, content in programs.items():
            (binaries / program).write_text(content)
            (binaries / program).chmod(0o755)
        path = f'{binaries}{os.pathsep}{os.environ["PATH"]}'
        return subprocess.run(
            command(name, *arguments),
            cwd=tmp_path,
            env=environment(PATH=path, **env),
            capture_output=True,
            text=True,
            timeout=300,
        )

    return script


def recorded(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)['argv']


def test_training_on_gpus(slurm):
    argv = recorded(
        slurm(RECORDER, 'slurm_train.sh', 'part', 'job', 'c.py', 'w d', '--amp')
    )

    assert argv == [
        '--partition', 'part', '--job-name', 'job', '--gres', 'gpu:8',
        '--ntasks', '8', '--ntasks-per-node', '8', '--cpus-per-task', '5',
        '--kill-on-bad-exit=1',
        sys.executable, '-u', str(ROOT / 'tools' / 'train.py'),
        'c.py', '--work-dir', 'w d', '--amp', '--launcher', 'slurm',
    ]  # fmt: skip


def test_testing_with_settings_from_the_environment(slurm):
    settings = dict(GPUS='4', GPUS_PER_NODE='2', CPUS_PER_TASK='3',
                    SRUN_ARGS='--time 1:00 --exclude *')  # fmt: skip
    argv = recorded(
        slurm(RECORDER, 'slurm_test.sh', 'part', 'job', 'c.py', 'x.pth', '--rebalance',
              **settings)
    )  # fmt: skip

    assert argv == [
        '--partition', 'part', '--job-name', 'job', '--gres', 'gpu:2',
        '--ntasks', '4', '--ntasks-per-node', '2', '--cpus-per-task', '3',
        '--kill-on-bad-exit=1', '--time', '1:00', '--exclude', '*',
        sys.executable, '-u', str(ROOT / 'tools' / 'test.py'),
        'c.py', 'x.pth', '--rebalance', '--launcher', 'slurm',
    ]  # fmt: skip


def test_without_gpus_none_are_requested(slurm):
    settings = dict(
        GPUS='4', GPUS_PER_NODE='0', PROCESSES_PER_NODE='2', PYTHONPATH='/elsewhere'
    )
    result = slurm(
        RECORDER, 'slurm_test.sh', 'part', 'job', 'c.py', 'x.pth', **settings
    )

    argv = recorded(result)
    assert '--gres' not in argv
    assert argv[argv.index('--ntasks-per-node') + 1] == '2'
    path = json.loads(result.stdout)['path'].split(os.pathsep)[0]
    assert os.path.realpath(path) == str(ROOT)  # so that mmgala is importable


@pytest.mark.parametrize('script', ['slurm_train.sh', 'slurm_test.sh'])
def test_too_few_arguments_print_the_usage(slurm, script):
    result = slurm(RECORDER, script, 'part', 'job', 'c.py')

    assert result.returncode == 2
    assert f'tools/{script} PARTITION JOB_NAME CONFIG' in result.stderr


def test_two_tasks_train_together(slurm, tmp_path, trained):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    settings = dict(
        GPUS='2', GPUS_PER_NODE='0', PROCESSES_PER_NODE='2', MASTER_PORT=port
    )
    flags = options(train_cfg__max_epochs=1)

    result = slurm(STARTER, 'slurm_train.sh', 'part', 'job', trained.config, 'work',
                   *flags, **settings)  # fmt: skip

    assert result.returncode == 0, result.stderr
    checkpoint = read_checkpoint(tmp_path / 'work' / 'epoch_1.pth')
    assert checkpoint['meta']['iter'] == 5  # 284 samples in batches of 2 x 32
