"""Runners of this folder run on the CPU, also where there is a GPU."""

import pytest


@pytest.fixture(scope='package', autouse=True)
def _on_cpu():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.device.utils.DEVICE', 'cpu')
        yield
