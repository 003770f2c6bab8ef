"""Which tests run in one process when there are several: those that share fixtures.

A folder whose programs or recipes look at one training runs as a whole, every other
test file by itself. (pytest-xdist's own `loadgroup` does nothing under pytest 9, which
ignores the changed node ids that it relies on.)
"""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ('tests/browser', 'tests/configs', 'tests/tools')


class FolderScheduling(LoadScopeScheduling):
    """Gives whole folders or files to the processes, the largest first."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition('::')[0]
        folder = '/'.join(path.split('/')[:2])
        return folder if folder in TOGETHER else path
