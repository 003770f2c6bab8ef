"""`mmgala.functional` works with PyTorch alone."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('mmengine', 'mmcv', 'mmpretrain', 'mmdet'):
            raise ImportError(f'{name} is blocked')

sys.meta_path.insert(0, Blocker())

import torch
from mmgala.functional import gala_loss, logit_gradient_sums, rebalance

logits = torch.zeros(2, 3, requires_grad=True)
labels, zeros = torch.tensor([0, 1]), torch.zeros(3)
gala_loss(logits, labels, zeros, zeros).mean().backward()
print(logit_gradient_sums(logits, labels)[0].tolist())

try:
    import mmgala.models
except ImportError as error:
    print(error)  # the blocker blocks
"""


@pytest.mark.slow
def test_functional_needs_no_openmmlab(repository):
    result = subprocess.run(
        [sys.executable, '-c', SCRIPT],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    sums, error = result.stdout.splitlines()
    assert sums == str([0.6666666865348816, 0.6666666865348816, 0.0])
    assert error.endswith('is blocked')
