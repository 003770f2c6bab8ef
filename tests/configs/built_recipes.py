"""Recipes as ``tools/train.py`` builds them, stopped before the first epoch."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.runner import EpochBasedTrainLoop, Runner

from tests.small_recipes import data_options, in_process
from tests.tools.command_line import ROOT, call, options


def build(
    config: str,
    work_dir: Path,
    miniatures: SimpleNamespace,
    *flags: str,
    **changes: object,
) -> list[Runner]:
    """Runners of all stages of a recipe on its miniature, ready to train.

    Args:
        config: name below ``configs``, without ending.
        work_dir: new folder.
        miniatures: folders of the data.
        *flags: further arguments.
        **changes: as in ``tests.tools.command_line.options``.

    Returns:
        One runner a stage, with model, optimizer and schedulers built, and weights
        initialised or loaded.
    """
    runners: list[Runner] = []

    def stop(loop: EpochBasedTrainLoop) -> None:
        runners.append(loop.runner)
        if len(runners) == 1:  # as if trained, for a classifier that differs
            loop.runner.model.head.fc.bias.data += 1.0
        loop.runner.save_checkpoint(loop.runner.work_dir, 'epoch_0.pth',
                                    save_optimizer=False)  # fmt: skip

    changes = {**data_options(config, miniatures), **in_process(), **changes}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EpochBasedTrainLoop, 'run', stop)
        end = call('train', ROOT / 'configs' / f'{config}.py', '--work-dir', work_dir,
                   *flags, *options(**changes), cwd=ROOT)  # fmt: skip
    assert end is None, end
    return runners
