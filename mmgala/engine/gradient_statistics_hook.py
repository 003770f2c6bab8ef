"""Record which class vectors are pulled and pushed in training, and by whom."""

from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn

from mmgala.datasets import count_classes
from mmgala.engine.checkpoint import unwrap_model
from mmgala.engine.gradient_accumulator import GradientAccumulator
from mmgala.engine.loss_observer import LossObserver
from mmgala.engine.resume_within_epoch_hook import ResumeWithinEpochHook
from mmgala.functional import shot_groups
from mmgala.registry import HOOKS

KEY = 'gradient_statistics'


@HOOKS.register_module()
class GradientStatisticsHook(Hook):
    """Keep, per class, the logit gradients that a training really computes.

    One entry in ``custom_hooks`` of a config, whatever its head and loss::

        custom_hooks = [dict(type='mmgala.GradientStatisticsHook')]

    For each class it sums positive and negative gradient of the class vector, the
    negative gradient *given* by the class's samples, and where negative gradient
    comes from (:class:`mmgala.functional.GradientSums`; the quantities of arXiv
    2403.09036, section 2). The gradient is that of each sample's own loss: loss scale,
    gradient accumulation, ``loss_weight``, ``avg_factor`` and the number of ranks do
    not change it (:class:`mmgala.engine.loss_observer.LossObserver`). The training
    is the same, to the last bit, as without the hook.

    After each period it writes

    * ``<work dir>/gradient_statistics/epoch_<n>.npz``, for
      ``tools/analysis/gradient_report.py``; see :mod:`mmgala.analysis.gradient_files`;
    * scalars ``gradients/...`` to MMEngine's visualizer, and so to TensorBoard, W&B or
      MLflow; see :func:`mmgala.analysis.summarise_gradients`;
    * every ``draw_interval`` periods a picture, likewise.

    A file or picture that cannot be written costs a warning, never the training.

    A step costs a few passes over the ``(N, C)`` gradient. With several ranks all of
    them reduce ``7 C + B * B`` numbers in every step, so that a checkpoint, which one
    rank saves, never holds one rank's share.

    Args:
        loss_module: name of the loss in the model, such as ``'head.loss_module'``.
            Defaults to the model's only module of the name ``loss_module``.
        interval: a period, in epochs; in iterations where the training counts in
            these. Defaults to 1 epoch, or to the loop's ``val_interval`` iterations.
        matrix: also sum negative gradient by receiving and giving class, ``(B, B)``.
        max_bins: up to so many classes, each has its own row and column in the
            matrix; beyond, so many bins of classes of similar frequency have.
        draw_interval: a picture every so many periods; 0 for none.
        many: classes with more training samples are many-shot.
        few: classes with fewer training samples are few-shot.

    Raises:
        TypeError: before the training if the training set does not tell its labels.
        ValueError: before the training if the loss is not found, or one of several;
            in the first step if logits and training set disagree about the classes.
    """

    def __init__(
        self,
        loss_module: str | None = None,
        interval: int | None = None,
        matrix: bool = False,
        max_bins: int = 200,
        draw_interval: int = 10,
        many: int = 100,
        few: int = 20,
    ) -> None:
        for name, value, least in (
            ('interval', interval, 1),
            ('max_bins', max_bins, 1),
            ('draw_interval', draw_interval, 0),
        ):
            if value is not None and value < least:
                raise ValueError(
                    f'Expected `{name}` to be {least} or more, but got {value}.'
                )
        shot_groups([], many, few)  # checks the limits
        self.loss_module = loss_module
        self.interval = interval
        self.max_bins = max_bins if matrix else 0
        self.draw_interval = draw_interval
        self.limits = (many, few)
        self._saved: dict[str, Any] | None = None

    def before_train(self, runner: Runner) -> None:
        """Find the loss, count the classes, and go on where a checkpoint stopped."""
        model = unwrap_model(runner.model)
        name, module = find_loss(model, self.loss_module)
        dataset = runner.train_dataloader.dataset
        head = getattr(model, 'head', None)
        counts = count_classes(dataset, getattr(head, 'num_classes', None))
        self._counts = np.array(counts)
        names = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
        known = len(names) == len(counts)
        self._names = tuple(map(str, names if known else range(len(counts))))
        self._sums = GradientAccumulator(
            torch.tensor(counts),
            self.limits,
            self.max_bins,
            next(model.parameters()).device,
        )
        self._by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._interval = self.interval or (
            1 if self._by_epoch else runner.train_loop.val_interval
        )
        # Not above: the other hooks are of use without what files and pictures need.
        from mmgala.engine import gradient_output

        self._output = gradient_output
        if runner.iter > 0:  # load_from alone brings weights, no statistics
            self._restore(runner)
        if is_main_process():
            done = runner.epoch if self._by_epoch else runner.iter
            self._output.set_old_files_aside(runner, done)
        self._unfinished = False
        self._loss_name = name
        self._observer = LossObserver(module, self._sums.add)
        runner.logger.info(f'Gradient statistics of {name} are recorded.')

    def _restore(self, runner: Runner) -> None:
        state = self._saved
        if state is None or not self._sums.load_state_dict(state):
            why = (
                'holds none'
                if state is None
                else 'holds those of other classes, shot groups or another matrix'
            )
            runner.logger.warning(
                f'The checkpoint {why}: gradient statistics begin at iteration '
                f'{runner.iter + 1}.'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Forget the part of an interrupted epoch that MMEngine repeats."""
        goes_on = any(
            isinstance(hook, ResumeWithinEpochHook) and hook.batches_done > 0
            for hook in runner.hooks
        )
        if self._by_epoch and not goes_on:
            self._sums.drop_current()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: dict | None = None,
    ) -> None:
        """Sum over the ranks."""
        self._sums.finish_step()
        self._unfinished = True
        if not self._by_epoch and (
            self.every_n_train_iters(runner, self._interval)
            or self.is_last_train_iter(runner)
        ):
            self._finish_period(runner, 'iter', runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """End a period that counts in epochs."""
        if not self._by_epoch:
            return
        self._sums.fold()
        if self.every_n_epochs(runner, self._interval) or self.is_last_train_epoch(
            runner
        ):
            self._finish_period(runner, 'epoch', runner.epoch + 1)

    def after_train(self, runner: Runner) -> None:
        """Leave the loss as it was, and nothing of a training that ended early."""
        self._observer.remove()
        if self._unfinished:
            unit = 'epoch' if self._by_epoch else 'iter'
            self._finish_period(runner, unit, getattr(runner, unit))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the sums."""
        if hasattr(self, '_sums'):  # else nothing was trained
            checkpoint[KEY] = self._sums.state_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Read the sums, which count if the training is resumed from here."""
        self._saved = checkpoint.get(KEY)

    def _finish_period(self, runner: Runner, unit: str, number: int) -> None:
        period, total = self._sums.finish_period()
        self._unfinished = False
        if not is_main_process():
            return
        if not period.samples.any():
            runner.logger.warning(
                f'{self._loss_name} sent back no finite gradient until {unit} '
                f'{number}: if the head computes its loss elsewhere, name that module '
                'with GradientStatisticsHook(loss_module=...).'
            )
        record = self._output.make_record(
            (unit, number), self._names, self._counts, self.limits, self._sums.bins,
            period, total,
        )  # fmt: skip
        drawn_every = self.draw_interval * self._interval
        draw = bool(drawn_every) and number % drawn_every == 0
        self._output.write_outputs(runner, record, draw)


def find_loss(model: nn.Module, name: str | None) -> tuple[str, nn.Module]:
    """The loss to watch, and its name in the model.

    Args:
        model: without wrappers.
        name: of the loss; ``None`` for the only module called ``loss_module``.

    Raises:
        ValueError: if there is none of that name, or several to choose from.
    """
    modules = dict(model.named_modules())
    if name is not None:
        found = [name] if name in modules else []
    else:
        found = [n for n in modules if n.rpartition('.')[2] == 'loss_module']
    if len(found) == 1:
        return found[0], modules[found[0]]
    wanted = 'loss_module' if name is None else repr(name)
    choice = found or [
        n for n, m in modules.items() if 'loss' in f'{n}{type(m).__name__}'.lower()
    ]
    raise ValueError(
        f'GradientStatisticsHook found {len(found) or "no"} modules {wanted} in '
        f'{type(model).__name__}. Name the one that is called with the logits: '
        f"GradientStatisticsHook(loss_module='...'), one of {choice}."
        if choice
        else f'GradientStatisticsHook found no loss in {type(model).__name__}: the '
        'loss has to be a module that the head calls with logits and target.'
    )
