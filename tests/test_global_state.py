"""A test, or a fixture of several tests, leaves nothing behind in MMEngine."""

import ast
from pathlib import Path
from threading import Thread

import pytest
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.visualization import Visualizer

ORDER = ('first', 'second')  # each finds what the other would have left


def leave_something():
    init_default_scope('left behind')
    MessageHub.get_instance('of a fixture')


def left_scope():
    scope = DefaultScope.get_current_instance()
    return scope is not None and scope.scope_name == 'left behind'


@pytest.fixture(scope='module')
def _of_a_module():
    leave_something()


@pytest.fixture(scope='session')
def _of_all():
    leave_something()


@pytest.fixture
def _own():
    init_default_scope('mmpretrain')


@pytest.mark.parametrize('turn', ORDER)
def test_a_test_leaves_no_default_scope(turn):
    assert not left_scope()
    init_default_scope('left behind')


@pytest.mark.parametrize('turn', ORDER)
def test_a_test_leaves_no_logger(turn):
    assert not MMLogger.check_instance_created('left behind')
    MMLogger.get_instance('left behind')


@pytest.mark.parametrize('turn', ORDER)
def test_a_test_does_not_keep_the_lock(turn):
    waiting = Thread(target=MMLogger.get_instance, args=('x',), daemon=True)
    waiting.start()
    waiting.join(timeout=10)
    assert not waiting.is_alive()
    with pytest.raises(RuntimeError, match='get_instance'):
        Visualizer.get_current_instance()


@pytest.mark.parametrize('fixture', ['_of_a_module', '_of_all'])
def test_a_shared_fixture_leaves_nothing(request, fixture):
    request.getfixturevalue(fixture)

    assert not left_scope()
    assert not MessageHub.check_instance_created('of a fixture')


@pytest.mark.usefixtures('_own')
def test_the_fixture_of_a_test_may_set_the_scope():
    assert DefaultScope.get_current_instance().scope_name == 'mmpretrain'


def changes_of_others(text):
    """Assignments to attributes while a module is imported, as in ``a.b = 1``."""
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        for target in targets:
            if isinstance(target, ast.Attribute):
                yield ast.unparse(node)


def test_no_module_of_the_tests_changes_another_where_it_is_imported():
    """All of them are imported: pytest looks for doctests in each."""
    assert list(changes_of_others('import a\na.b = 1\nc = 2')) == ['a.b = 1']
    for path in Path(__file__).parent.rglob('*.py'):
        assert not list(changes_of_others(path.read_text())), path
