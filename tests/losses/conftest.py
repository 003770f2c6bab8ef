"""Every loss in turn."""

import pytest

from tests.losses.loss_cases import CASES


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]
