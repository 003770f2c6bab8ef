"""``--cfg-options``: settings of a config, overridden on the command line."""

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from mmgala.apis.config_sections import check_sections

# Sections that a config may lack, besides the arguments of Runner.
OPTIONAL_SECTIONS = ('custom_imports', 'runner_type', 'tta_model', 'tta_pipeline')


def merge_options(
    cfg: Config, options: Mapping[str, Any] | None, checkpoint: Any = None
) -> None:
    """Override settings of a config by ``--cfg-options``, and check its sections.

    A misspelt section would become a new one that nothing reads, so it is refused.
    Within a section, the classes that it configures refuse unknown arguments.

    Args:
        cfg: config, modified in place.
        options: values by dotted key; ``None`` without any.
        checkpoint: argument of the tool that names the weights, if it has one.

    Raises:
        ValueError: if a section looks like a misspelling of another one, or names other
            weights than ``checkpoint``; or if a section is not what it must be.
    """
    known = {*cfg, *inspect.signature(Runner.__init__).parameters, *OPTIONAL_SECTIONS}
    for key in options or {}:
        section = key.partition('.')[0]
        if checkpoint is not None and section in ('load_from', 'resume'):
            raise ValueError(
                f'--cfg-options {key}={(options or {})[key]}: this tool reads the '
                f'weights of its argument CHECKPOINT, {checkpoint}. Leave out the '
                'option, or pass the other file as CHECKPOINT.'
            )
        similar = get_close_matches(section, known, n=1, cutoff=0.8)
        if section not in known and similar:
            raise ValueError(
                f'--cfg-options {key}: the config has no section {section!r}. '
                f'Did you mean {similar[0]!r}?'
            )
    if options:
        cfg.merge_from_dict(options)
    check_sections(cfg)
