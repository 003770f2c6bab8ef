"""The one place where tools build MMEngine's runner."""

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmgala.engine.hooks.added_counts_hook import AddedCountsHook
from mmgala.engine.hooks.class_names_hook import ClassNamesHook


def build_runner(cfg: Config) -> Runner:
    """Build a runner whose labels are checked, and mean the training classes.

    Args:
        cfg: config of a training or test; it is not changed.

    Returns:
        The runner, with
        :class:`mmgala.engine.hooks.added_counts_hook.AddedCountsHook` if the config has
        neither :class:`mmgala.engine.ClassNamesHook` nor a subclass.
    """
    build = RUNNERS.build if 'runner_type' in cfg else Runner.from_cfg
    runner = build(cfg)
    if not any(isinstance(hook, ClassNamesHook) for hook in runner.hooks):
        runner.register_hook(AddedCountsHook())
    return runner
