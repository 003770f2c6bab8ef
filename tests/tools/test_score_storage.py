"""--score-storage: equal metrics, and refusals where it does nothing."""

import json

import numpy as np
import pytest

from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import call


@pytest.mark.parametrize('storage', ['memory', 'file', 'half', 'recompute'])
def test_metrics_do_not_depend_on_the_storage(trained, tested, tmp_path, storage):
    out = tmp_path / 'metrics.json'
    end = call('test', trained.config, trained.checkpoint, '--work-dir', tmp_path,
               '--out', out, '--rebalance', '--tau', '1.7',
               '--score-storage', storage, cwd=tmp_path)  # fmt: skip

    assert end is None
    found = json.loads(out.read_text())
    expected = json.loads(tested['tau.json'].path.read_text())
    assert found == pytest.approx(expected, rel=1e-4 if storage == 'half' else 1e-6)


def test_fit_on_stored_scores(trained, tmp_path):
    masses = []
    for storage in ('file', 'half'):
        out = tmp_path / f'{storage}.pth'
        places = [trained.config, trained.checkpoint, out, '--work-dir', tmp_path]
        end = call('fit_rebalancer', *places, '--score-storage', storage, cwd=tmp_path)
        assert end is None
        state = read_checkpoint(out)['state_dict']
        masses.append(state['head.post_hoc.class_mass'].numpy())
    np.testing.assert_allclose(masses[0], masses[1], rtol=1e-3)
    assert (masses[0] != masses[1]).any()


@pytest.mark.parametrize(
    ('command', 'flags', 'remedy'),
    [
        ('test', ['--score-storage', 'file'], '--rebalance'),
        ('test', ['--score-storage', 'recompute', '--out', 'x.npz'], '--rebalance'),
        ('fit_rebalancer', ['--temperature', '2', '--score-storage', 'half'], 'auto'),
    ],
)
def test_a_storage_without_effect_is_refused(trained, tmp_path, command, flags, remedy):
    out = [tmp_path / 'out.pth'] if command == 'fit_rebalancer' else []
    end = call(
        command, trained.config, trained.checkpoint, *out, '--work-dir', tmp_path,
        *flags, cwd=tmp_path
    )  # fmt: skip

    assert '--score-storage' in end
    assert remedy in end
