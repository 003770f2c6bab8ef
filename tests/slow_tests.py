"""Which tests `make test-fast` leaves out without being told to."""

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

import pytest

# Fixtures that start processes or open a browser, once for all tests.
COSTLY = ('rank_pool', 'browser')
# Folders whose tests run whole programs and recipes.
FOLDERS = {
    ('tests', name)
    for name in ('benchmarks', 'browser', 'configs', 'docs', 'projects', 'tools')
}
PROCESSES = {'subprocess', 'multiprocessing', 'Popen'}


def is_slow(item: pytest.Item, folder: tuple[str, ...]) -> bool:
    """Whether a test is in a slow folder, has a costly fixture or starts a process.

    Args:
        item: the test.
        folder: first two parts of its path.
    """
    fixtures = getattr(item, 'fixturenames', ())
    if folder in FOLDERS or any(name in fixtures for name in COSTLY):
        return True
    return any(starts_process(function) for function in _functions(item))


def starts_process(
    function: Callable[..., Any], seen: frozenset[CodeType] = frozenset()
) -> bool:
    """Whether a function, or a test helper that it calls, names a module for that."""
    code = getattr(function, '__code__', None)
    if code is None or code in seen:
        return False
    names = set(_names(code))
    if names & PROCESSES:
        return True
    helpers = (getattr(function, '__globals__', {}).get(name) for name in names)
    return any(
        starts_process(helper, seen | {code})
        for helper in helpers
        if isinstance(helper, FunctionType) and helper.__module__.startswith('tests')
    )


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):  # a function inside the function
            yield from _names(constant)


def _functions(item: pytest.Item) -> Iterator[Callable[..., Any]]:
    """The function of a test, and those of its fixtures."""
    if isinstance(item, pytest.Function):
        yield item.function
        for fixtures in item._fixtureinfo.name2fixturedefs.values():
            yield fixtures[-1].func
