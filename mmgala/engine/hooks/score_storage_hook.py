"""Room for the scores of a test, and a second prediction instead of it."""

from collections.abc import Iterator, Sequence

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner, TestLoop, ValLoop
from mmengine.runner.amp import autocast
from mmengine.structures import BaseDataElement

from mmgala.evaluation import PostHocEvaluator, ScoreDump
from mmgala.evaluation.score_room import check_room
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import unwrap_model


@HOOKS.register_module()
class ScoreStorageHook(Hook):
    """Looks after the scores that the evaluation of a data set keeps.

    Before the first batch, it checks that there is room for them, and it predicts the
    data set a second time for ``storage='recompute'`` of
    :class:`mmgala.evaluation.PostHocEvaluator`. All commands use it; another runner
    needs ``custom_hooks=[dict(type='mmgala.ScoreStorageHook')]``.
    """

    def before_val(self, runner: Runner) -> None:
        """Prepare the evaluator of the validation set."""
        _prepare(runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Prepare the evaluator of the test set."""
        _prepare(runner.test_loop)


class PredictedAgain:
    """The data set of a loop, predicted once more.

    Args:
        loop: of a validation or a test.

    Attributes:
        num_samples: length of the data set, without padding samples.
    """

    def __init__(self, loop: ValLoop | TestLoop) -> None:
        self._loop = loop
        self.num_samples = len(loop.dataloader.dataset)

    def predict(self) -> Iterator[Sequence[BaseDataElement]]:
        """Batches of predictions, as the loop makes them."""
        print_log('Predicting the data set again, to re-balance it.', 'current')
        model = self._loop.runner.model
        model.eval()
        is_test = isinstance(self._loop, TestLoop)
        step = model.test_step if is_test else model.val_step
        for batch in self._loop.dataloader:
            with torch.no_grad(), autocast(enabled=self._loop.fp16):
                predicted = step(batch)
            yield predicted


def _prepare(loop: ValLoop | TestLoop) -> None:
    evaluator = loop.evaluator
    if isinstance(evaluator, PostHocEvaluator):
        evaluator.source = PredictedAgain(loop)
    if num_classes := _num_classes(loop):
        check_room(len(loop.dataloader.dataset), num_classes, _storages(loop))


def _storages(loop: ValLoop | TestLoop) -> list[str]:
    """How each of the parts of an evaluation that keep all scores stores them."""
    evaluator = loop.evaluator
    found = [m.storage for m in evaluator.metrics if isinstance(m, ScoreDump)]
    if isinstance(evaluator, PostHocEvaluator) and evaluator.keeps_scores:
        found.append(evaluator.storage)
    return found


def _num_classes(loop: ValLoop | TestLoop) -> int:
    """Classes of the model; 0 if they are unknown."""
    head = getattr(unwrap_model(loop.runner.model), 'head', None)
    known = getattr(head, 'num_classes', None)
    if isinstance(known, int):
        return known
    return len((loop.evaluator.dataset_meta or {}).get('classes') or ())
