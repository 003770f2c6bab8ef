"""The messages that the code logs."""

import logging

import pytest
from mmengine.logging import MMLogger


@pytest.fixture
def log_records():
    """Records that go to MMEngine's current logger during the test."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)
