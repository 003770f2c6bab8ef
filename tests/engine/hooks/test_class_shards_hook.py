"""ClassShardsHook refuses a strength that is out of range, or without effect."""

from types import SimpleNamespace

import pytest
from torch import nn

from mmgala.engine import ClassShardsHook


def test_a_strength_without_shared_out_classes_is_refused():
    runner = SimpleNamespace(model=nn.Linear(2, 3), hooks=[])
    with pytest.raises(ValueError, match=r'tau=1.5.*remove `tau`.*--rebalance'):
        ClassShardsHook(tau=1.5).before_run(runner)
    ClassShardsHook().before_run(runner)


@pytest.mark.parametrize('tau', [-1.0, float('nan')])
def test_a_strength_out_of_range_is_refused(tau):
    with pytest.raises(ValueError, match=f'tau.* from 0 to 1000.*{tau}'):
        ClassShardsHook(tau=tau)
