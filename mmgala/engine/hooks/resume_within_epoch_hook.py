"""Hook that resumes a training in the middle of an epoch."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import BatchSampler, DataLoader

from mmgala.registry import HOOKS

SAMPLER_KEY = 'train_sampler'


@HOOKS.register_module()
class ResumeWithinEpochHook(Hook):
    """Resume in the middle of an epoch without repeating or skipping batches.

    When MMEngine's ``EpochBasedTrainLoop`` resumes from a checkpoint saved in the
    middle of an epoch (``CheckpointHook(by_epoch=False)``), it restarts the epoch. With
    this hook, it continues with the remaining batches, for any number of workers and
    ranks, without loading the others. The sampler needs ``start_at(num_samples)`` and
    ``seed``, as the samplers of mmgala have; with others, the hook logs a warning and
    the epoch restarts. ``IterBasedTrainLoop`` continues correctly by itself.

    Checkpoints store the position and the sampler's seed in ``meta['train_sampler']``,
    so the hook must be active when they are saved. The seed is restored for any loop;
    if the config has none, MMEngine would continue with a different sequence.

    In its log, MMEngine counts the batches of the resumed epoch from 1; iteration,
    epoch, learning rate and ETA are right.
    """

    # Runs before CheckpointHook, and after DistSamplerSeedHook has set the epoch.
    priority = 'LOW'

    def __init__(self) -> None:
        self._saved: dict[str, Any] | None = None
        self._batches_done = 0
        self._epoch = 0
        self._first_iter = 0

    @property
    def batches_done(self) -> int:
        """Number of batches of the coming epoch that were trained before resuming."""
        return self._batches_done

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the position, to restore it if the training is resumed."""
        self._saved = (checkpoint.get('meta') or {}).get(SAMPLER_KEY)

    def before_train(self, runner: Runner) -> None:
        """Restore the seed and find the position in the epoch."""
        self._batches_done = 0
        if runner.iter == 0:  # not resumed; load_from loads only weights
            return
        sampler = _startable_sampler(runner.train_dataloader)
        seed = None if self._saved is None else self._saved['seed']
        if sampler is not None and seed is not None:
            sampler.seed = seed
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            startable = sampler is not None and seed is not None
            self._batches_done = self._find_position(runner, startable)

    def before_train_epoch(self, runner: Runner) -> None:
        """Advance the sampler in the first epoch after resuming."""
        self._epoch = runner.epoch
        self._first_iter = runner.iter - self._batches_done
        if self._batches_done > 0:
            # No batches may be left; MMEngine still has to run the end of the epoch.
            batches = runner.train_dataloader.batch_sampler
            batches.sampler.start_at(self._batches_done * batches.batch_size)
        self._batches_done = 0

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the position and the sampler's seed."""
        meta = checkpoint['meta']
        # At the end of an epoch, the position is the start of the next.
        within = meta['epoch'] == self._epoch
        sampler = _startable_sampler(runner.train_dataloader)
        meta[SAMPLER_KEY] = dict(
            batches_done=meta['iter'] - self._first_iter if within else 0,
            batches_per_epoch=len(runner.train_dataloader),
            seed=None if sampler is None else sampler.seed,
        )

    def _find_position(self, runner: Runner, startable: bool) -> int:
        """Number of finished batches; 0, with a warning, if the epoch must restart."""
        total = len(runner.train_dataloader)
        if self._saved is None:
            done = runner.iter - runner.epoch * total
            before = None
        else:
            done = self._saved['batches_done']
            before = self._saved['batches_per_epoch']
        if done == 0:
            return 0
        number = runner.epoch + 1
        obstacle = _obstacle(before, total, startable)
        if obstacle:
            runner.logger.warning(
                f'Epoch {number} was interrupted and has to restart: {obstacle}.'
            )
            return 0
        runner.logger.info(
            f'Epoch {number} continues after {done} of its {total} batches. The log '
            'counts the remaining ones from 1.'
        )
        return done


def _obstacle(before: int | None, now: int, startable: bool) -> str | None:
    if before is None:
        return 'the checkpoint was saved without ResumeWithinEpochHook'
    if before != now:
        return (
            f'it had {before} batches before and has {now} now (batch size, number of '
            'ranks or data changed)'
        )
    if not startable:
        return (
            'its sampler or batch sampler cannot start in the middle; use '
            "ClassBalancedSampler(mode='instance'), which shuffles like DefaultSampler"
        )
    return None


def _startable_sampler(loader: DataLoader) -> Any:
    """Return the sampler if it can start in the middle of an epoch, or else None.

    Only PyTorch's batch sampler is known to use ``batch_size`` samples per batch.
    """
    batches = loader.batch_sampler
    if type(batches) is BatchSampler and hasattr(batches.sampler, 'start_at'):
        return batches.sampler
    return None
