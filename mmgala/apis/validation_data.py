"""Whether there is anything to choose settings on but the test set."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

SAME_SET = """
*******************************************************************************
*  WARNING: the validation set of this config IS its test set. What is chosen *
*  on it is chosen on test data: do not report the accuracy that follows.     *
*******************************************************************************"""


def validates_on_test(cfg: Config) -> bool:
    """Whether validation and test set are the same, whatever their pipelines.

    Those of wrapped data sets do not count either. A config without one of the two
    loaders does not validate on the test set.
    """
    val, test = (cfg.get(f'{split}_dataloader') for split in ('val', 'test'))
    if val is None or test is None:
        return False
    return _without_pipelines(val.dataset) == _without_pipelines(test.dataset)


def _without_pipelines(part: Any) -> Any:
    if isinstance(part, Mapping):
        kept = {key: value for key, value in part.items() if key != 'pipeline'}
        return {key: _without_pipelines(value) for key, value in kept.items()}
    if isinstance(part, list | tuple):
        return [_without_pipelines(item) for item in part]
    return part
