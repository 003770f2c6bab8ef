"""Stored results of the benchmarks' trainings are used for the same config and data."""

import numpy as np
import pytest

from benchmarks import runs
from benchmarks.runs import Training, config_hash, data_hash
from tests.tools.command_line import ROOT

CONFIG = str(ROOT / 'configs/gala/resnet14_digits-lt.py')


@pytest.mark.parametrize(
    ('stored', 'used'),
    [
        (dict(config_hash='now', data_hash='now'), True),
        (dict(config_hash='now', data_hash='before'), False),
        (dict(config_hash='before', data_hash='now'), False),
        (dict(config_hash='now'), True),
    ],
    ids=['same', 'other data', 'other config', 'earlier version'],
)
def test_results_of_other_data_are_not_used(tmp_path, stored, used):
    training = Training('gala', CONFIG, 0)
    now = dict(config_hash=config_hash(training), data_hash=data_hash(CONFIG))
    folder = tmp_path / training.name
    folder.mkdir()
    values = {k: now[k] if v == 'now' else v for k, v in stored.items()}
    np.savez(folder / 'result.npz', **values)

    assert (runs._finished(training, tmp_path) is not None) == used
