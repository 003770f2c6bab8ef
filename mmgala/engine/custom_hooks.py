"""Hooks that the tools add to a config."""

from typing import Any

from mmengine.config import Config


def add_hook(cfg: Config, name: str) -> None:
    """Add a hook of this package to a config that does not have it yet.

    Args:
        cfg: changed in place.
        name: of the hook's class.
    """
    hooks = cfg.get('custom_hooks') or []
    if not any(_name(hook) == name for hook in hooks):
        cfg.custom_hooks = [*hooks, dict(type=f'mmgala.{name}')]


def _name(hook: Any) -> str:
    """Class name of an entry of ``custom_hooks``, however it is written."""
    kind = hook.get('type') if isinstance(hook, dict) else type(hook)
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return name.rpartition('.')[2]
