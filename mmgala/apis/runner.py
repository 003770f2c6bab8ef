"""The one place where tools build MMEngine's runner."""

import copy
from collections import Counter
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmgala.apis.class_shares import check_parallel
from mmgala.engine.hooks.added_counts_hook import AddedCountsHook
from mmgala.engine.hooks.class_names_hook import ClassNamesHook
from mmgala.engine.hooks.class_shards_hook import names_read_from_shares
from mmgala.engine.hooks.score_storage_hook import ScoreStorageHook
from mmgala.utils.checkpoint_fit import check_fits

_uses_of_names: Counter[str] = Counter()


def build_runner(cfg: Config) -> Runner:
    """Build a runner whose labels are checked, and mean the training classes.

    Args:
        cfg: config of a training or test; it is not changed.

    Returns:
        The runner, with
        :class:`mmgala.engine.hooks.added_counts_hook.AddedCountsHook` if the config has
        neither :class:`mmgala.engine.ClassNamesHook` nor a subclass, and with
        :class:`mmgala.engine.ScoreStorageHook`.

    Raises:
        ValueError: if classes are shared out, and the model wrapper would average them.
    """
    check_parallel(cfg)
    cfg = _with_own_name(cfg)
    build = RUNNERS.build if 'runner_type' in cfg else Runner.from_cfg
    runner = build(cfg)
    if not any(isinstance(hook, ClassNamesHook) for hook in runner.hooks):
        runner.register_hook(AddedCountsHook())
    if not any(isinstance(hook, ScoreStorageHook) for hook in runner.hooks):
        runner.register_hook(ScoreStorageHook())
    return runner


def check_fits_runner(checkpoint: dict, runner: Runner, path: str | Path) -> None:
    """Check that a checkpoint matches the model of a runner, which will load it.

    Args:
        checkpoint: checkpoint from :func:`mmgala.utils.checkpoint.read_checkpoint`.
        runner: has the model.
        path: path of the checkpoint, for the error message.

    Raises:
        ValueError: as :func:`mmgala.utils.checkpoint_fit.check_fits` does.
    """
    check_fits(checkpoint, runner.model, path, names_read_from_shares(runner))


def _with_own_name(cfg: Config) -> Config:
    """Number the experiments of one name in this process.

    MMEngine tells experiments apart by name and second, and lets two that share both
    write one log and one file of scalars.
    """
    name = cfg.get('experiment_name') or Path(cfg.filename or 'experiment').stem
    _uses_of_names[name] += 1
    if _uses_of_names[name] > 1:
        cfg = copy.deepcopy(cfg)
        cfg.experiment_name = f'{name}_{_uses_of_names[name]}'
    return cfg
