"""Fixtures of the losses of detectors."""

import pytest

from tests.detection.losses.bbox_forms import FORMS


@pytest.fixture(params=FORMS)
def form(request):
    """How background takes part in `GALABBoxLoss`."""
    return request.param
