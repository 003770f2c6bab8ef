"""``pytest --folder-times``: CPU seconds of each test folder, child processes included.

CPU seconds, because wall-clock seconds depend on what else the machine does. Run it
without xdist. A browser's processes that end take their seconds with them.
"""

from collections import defaultdict
from pathlib import Path

import psutil
import pytest


def cpu_seconds() -> float:
    """CPU seconds of this process and of all its descendants, ended or running."""
    process = psutil.Process()
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            total += sum(each.cpu_times()[:4])  # own and those of ended children
        except psutil.NoSuchProcess:
            continue
    return total


class FolderTimes:
    """Adds up what the test files take and prints two tables at the end."""

    def __init__(self) -> None:
        self.seconds: dict[Path, float] = defaultdict(float)
        self.tests: dict[Path, int] = defaultdict(int)
        self.last = 0.0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start the clock; what importing and collecting took has a line of its own."""
        self.last = cpu_seconds()
        self.seconds[Path('collection')] = self.last

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> object:
        """Read the clock where a file ends."""
        result = yield
        path = item.path.relative_to(item.config.rootpath)
        self.tests[path] += 1
        if nextitem is None or nextitem.path != item.path:
            now = cpu_seconds()
            self.seconds[path] += max(0.0, now - self.last)
            self.last = now
        return result

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Print folders, then the files that take longest."""
        folders: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
        for path, seconds in self.seconds.items():
            folder = '/'.join(path.parts[: min(2, len(path.parts) - 1)]) or str(path)
            folders[folder][0] += self.tests[path]
            folders[folder][1] += seconds
        write = terminalreporter.write_line
        terminalreporter.section('CPU seconds')
        write('| folder | tests | seconds |\n|---|---:|---:|')
        for folder, (count, seconds) in sorted(folders.items()):
            write(f'| {folder} | {count:.0f} | {seconds:.1f} |')
        total = sum(self.seconds.values())
        write(f'| all | {sum(self.tests.values())} | {total:.1f} |')
        write('')
        for path, seconds in sorted(self.seconds.items(), key=lambda p: -p[1])[:20]:
            write(f'{seconds:7.1f} s  {path}')
