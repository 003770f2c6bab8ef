"""The one place where tools build MMEngine's runner."""

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmgala.engine import ClassNamesHook


def build_runner(cfg: Config) -> Runner:
    """Build a runner whose labels mean the training classes in every data set.

    Args:
        cfg: config of a training or test; it is not changed.

    Returns:
        The runner, with :class:`mmgala.engine.ClassNamesHook` if the config has none.
    """
    build = RUNNERS.build if 'runner_type' in cfg else Runner.from_cfg
    runner = build(cfg)
    if not any(isinstance(hook, ClassNamesHook) for hook in runner.hooks):
        runner.register_hook(ClassNamesHook())
    return runner
