"""The tools of this repository, and their arguments, as their own parsers know them."""

import argparse
import contextlib
import importlib.util
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from benchmarks.reliability.processes import ROOT

TOOLS = sorted((ROOT / 'tools').rglob('*.py'))


class _FoundParser(BaseException):
    pass


def tool_name(tool: Path) -> str:
    """Path of a tool below ``tools``, without suffix."""
    return str(tool.relative_to(ROOT / 'tools').with_suffix(''))


def load_tool(tool: Path) -> ModuleType:
    """Import a tool as a module."""
    spec = importlib.util.spec_from_file_location(f'tool_{uuid.uuid4().hex}', tool)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parser_of(tool: Path) -> argparse.ArgumentParser:
    """The parser that the main function of a tool uses."""
    found: list[argparse.ArgumentParser] = []

    def parse_args(parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        found.append(parser)
        raise _FoundParser

    with (
        patch.object(argparse.ArgumentParser, 'parse_args', parse_args),
        contextlib.suppress(_FoundParser),
    ):
        load_tool(tool).main()
    return found[0]


def takes_text(action: argparse.Action) -> bool:
    """Whether an argument may be a path: it has a value that is not a number."""
    return action.nargs != 0 and not action.choices and action.type not in (int, float)
