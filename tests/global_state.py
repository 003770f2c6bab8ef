"""What MMEngine keeps for a whole process, put back after each test and fixture.

Its default scope, loggers, message hubs and visualizers are global. If one test left
them behind, another would pass or fail depending on which tests ran before it.
"""

import contextlib
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from mmengine.utils import ManagerMixin
from mmengine.utils.manager import _lock


@contextlib.contextmanager
def global_state_restored() -> Iterator[None]:
    """Put back the global instances that are there now."""
    before = {manager: dict(manager._instance_dict) for manager in _managers()}
    try:
        yield
    finally:
        for manager in _managers():
            manager._instance_dict.clear()
            manager._instance_dict.update(before.get(manager, {}))
        # If `get_current_instance` raises, it keeps it, and other threads would wait.
        while _lock._is_owned():
            _lock.release()


def _managers(base: type = ManagerMixin) -> Iterator[type]:
    """Classes whose instances MMEngine finds by name, such as its loggers."""
    for manager in base.__subclasses__():
        yield manager
        yield from _managers(manager)


class SharedFixtures:
    """Plugin for fixtures of several tests, which one of them happens to trigger."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        """Let them leave nothing behind."""
        if fixturedef.scope == 'function':
            return (yield)
        with global_state_restored():
            return (yield)
