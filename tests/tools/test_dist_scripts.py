"""dist_train.sh and dist_test.sh with two processes on the CPU."""

import json
import subprocess

import numpy as np
import pytest
import torch

from tests.evaluation.references import expected_metrics
from tests.reference.rebalance_numpy import rebalance
from tests.tools.command_line import command, options, run
from tests.tools.tau import best_tau

NUM_SAMPLES = 497  # an odd number: the second process gets a sample twice
SUBSET = options(test_dataloader__dataset__indices=NUM_SAMPLES)


def dist_test(folder, trained, *flags):
    """Metrics and output of a test over two processes."""
    arguments = [trained.config, trained.checkpoint, 2, '--out', 'm.json', *flags]
    result = run('dist_test.sh', *arguments, *SUBSET, cwd=folder)
    return json.loads((folder / 'm.json').read_text()), result.stdout


def assert_metrics(found, scores, raw):
    target = raw.targets[:NUM_SAMPLES]
    expected = expected_metrics(scores, target, raw.counts, many=40, few=10)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-4), name


def test_metrics_over_two_processes_are_those_of_the_single_process_scores(
    tmp_path, trained, raw
):
    metrics, _ = dist_test(tmp_path, trained)

    assert_metrics(metrics, raw.scores[:NUM_SAMPLES], raw)


def test_rebalanced_metrics_with_a_searched_strength_too(
    tmp_path, trained, raw, validation
):
    metrics, stdout = dist_test(tmp_path, trained, '--rebalance', '--tau', 'auto')

    tau, _ = best_tau(validation.scores, validation.targets)
    assert f're-balanced with tau={tau:g}, over' in stdout
    assert_metrics(metrics, rebalance(raw.scores[:NUM_SAMPLES], tau), raw)


@pytest.fixture(scope='module')
def dist_trained(tmp_path_factory, trained):
    """Two epochs over two processes, with the learning rate scaled for it."""
    folder = tmp_path_factory.mktemp('dist')
    flags = ['--work-dir', 'work', '--auto-scale-lr',
             *options(train_cfg__max_epochs=2, train_cfg__val_interval=2)]  # fmt: skip
    run('dist_train.sh', trained.config, 2, *flags, cwd=folder)
    return torch.load(folder / 'work' / 'epoch_2.pth', weights_only=False)


def test_training_over_two_processes_sees_twice_the_batch(dist_trained):
    assert dist_trained['meta']['iter'] == 2 * int(np.ceil(284 / 64))
    (group,) = dist_trained['optimizer']['param_groups']
    assert group['initial_lr'] == pytest.approx(0.05 * 2)


def test_statistics_hold_the_samples_of_both_processes(dist_trained):
    state = dist_trained['state_dict']
    theta = state['head.loss_module.pos_grad']
    counts = torch.tensor(dist_trained['meta']['class_counts'], dtype=torch.float)

    # Two epochs add at most 2 a sample (and 2 more for the one that pads each);
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


def test_error_of_a_process_is_printed_and_fails_the_script(tmp_path, trained):
    result = run('dist_test.sh', trained.config, 'nothing.pth', 1, cwd=tmp_path,
                 succeeds=False)  # fmt: skip

    assert result.returncode != 0
    assert 'error: Checkpoint nothing.pth does not exist.' in result.stderr
