"""Which object of a config was being built when an error occurred."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

BUILDER = '/mmengine/registry/build_functions.py'  # calls what a config names
PLAIN = (str, int, float, list, tuple, type(None))
LONGEST = 240  # characters of all arguments


@dataclass(frozen=True)
class Built:
    """The object that could not be built.

    Attributes:
        chain: types from the outermost one to it, such as ``ImageClassifier > Head``.
        arguments: its arguments, as far as they are short.
    """

    chain: str
    arguments: str


def built_from_config(error: BaseException) -> Built | None:
    """The object of a config that was being built, or ``None`` if there was none."""
    configs = [
        config
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if (config := _config_of(frame)) is not None
    ]
    if not configs:
        return None
    names = [_name(config) for config in configs]
    # Registries that hand on to others build the same thing again.
    chain = [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]
    return Built(' > '.join(chain), _arguments(configs[-1]))


def _config_of(frame: FrameType) -> Any:
    code = frame.f_code
    if code.co_name != 'build_from_cfg' or not code.co_filename.endswith(BUILDER):
        return None
    config = frame.f_locals.get('cfg')
    return repr(config) if config is None else config


def _name(config: Any) -> str:
    kind = _as_written(config).get('type') if isinstance(config, Mapping) else config
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _as_written(config: Mapping) -> dict[str, Any]:
    """Values of a config; its own methods would import lazy ones, which may fail."""
    return dict(dict.items(config)) if isinstance(config, dict) else dict(config)


def _arguments(config: Any) -> str:
    if not isinstance(config, Mapping):
        return repr(config)
    shown = [
        f'{key}={value!r}'
        for key, value in _as_written(config).items()
        if key != 'type' and isinstance(value, PLAIN)
    ]
    text = ', '.join(part for part in shown if len(part) <= LONGEST // 4)
    return text if len(text) <= LONGEST else f'{text[:LONGEST]}...'
