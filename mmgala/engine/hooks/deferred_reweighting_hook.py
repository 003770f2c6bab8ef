"""Hook that enables class weights in the last part of a training."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmgala.functional.checks import check_share
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import unwrap_model


@HOOKS.register_module()
class DeferredReweightingHook(Hook):
    """Deferred re-weighting (DRW) of Cao et al. (NeurIPS 2019, arXiv 1906.07413).

    Losses with an attribute ``reweighting``, such as :class:`mmgala.models.LDAMLoss`,
    use class weights only after a fraction ``begin`` of the iterations.

    Args:
        begin: fraction of iterations before class weights are enabled, from 0 to 1.
            Defaults to the authors' 160 of 200 epochs.

    Raises:
        ValueError: if ``begin`` is not between 0 and 1, or no loss has the attribute.
    """

    def __init__(self, begin: float = 0.8) -> None:
        check_share('begin', begin)
        self.begin = begin

    def before_train(self, runner: Runner) -> None:
        """Find the losses."""
        modules = unwrap_model(runner.model).modules()
        self._losses = [m for m in modules if hasattr(m, 'reweighting')]
        if not self._losses:
            raise ValueError(
                'DeferredReweightingHook found no loss with `reweighting`: use '
                'mmgala.LDAMLoss, or remove the hook from the config.'
            )

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Set ``reweighting``; in each step, so that it is right after resuming."""
        # Not begin * max_iters: 0.55 * 100 > 55.
        reweighting = runner.iter / runner.max_iters >= self.begin
        for loss in self._losses:
            loss.reweighting = reweighting
