"""Let a training that stopped within an epoch go on from the very next batch."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import BatchSampler, DataLoader

from mmgala.registry import HOOKS

KEY = 'train_sampler'


@HOOKS.register_module()
class ResumeWithinEpochHook(Hook):
    """Resume in the middle of an epoch, with no batch repeated and none left out.

    MMEngine's ``EpochBasedTrainLoop`` begins an epoch anew when it resumes from a
    checkpoint that ``CheckpointHook(by_epoch=False)`` saved within. With this hook the
    remaining batches follow, whatever the number of workers and ranks, and nothing of
    what was seen is loaded. It needs a sampler that has ``start_at(num_samples)`` and
    ``seed``, as those of mmgala have; with others it warns, and leaves all as it was.
    ``IterBasedTrainLoop`` finds the place by itself.

    Checkpoints keep the place and the sampler's seed in ``meta['train_sampler']``, so
    the hook must have been there when they were saved. The seed is restored under any
    loop: where the config has none, MMEngine would go on with another sequence.

    MMEngine numbers the batches of the resumed part from 1 in the log's text; its
    iteration, epoch, learning rate and ETA are right.
    """

    # Before CheckpointHook, and after DistSamplerSeedHook has set the epoch.
    priority = 'LOW'

    def __init__(self) -> None:
        self._saved: dict[str, Any] | None = None
        self._batches_done = 0
        self._epoch = 0
        self._first_iter = 0

    @property
    def batches_done(self) -> int:
        """Batches of the epoch to come that were done before the training stopped."""
        return self._batches_done

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Read the place, which counts if the training is resumed from here."""
        self._saved = (checkpoint.get('meta') or {}).get(KEY)

    def before_train(self, runner: Runner) -> None:
        """Restore the seed, and find the place."""
        self._batches_done = 0
        if runner.iter == 0:  # nothing is resumed: load_from brings weights only
            return
        sampler = _startable_sampler(runner.train_dataloader)
        seed = None if self._saved is None else self._saved['seed']
        if sampler is not None and seed is not None:
            sampler.seed = seed
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            startable = sampler is not None and seed is not None
            self._batches_done = self._find_place(runner, startable)

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the sampler at the place, in the first epoch after resuming."""
        self._epoch = runner.epoch
        self._first_iter = runner.iter - self._batches_done
        if self._batches_done > 0:
            # Saved after the last batch of an epoch, none is left; what MMEngine does
            # at the end of an epoch still follows.
            batches = runner.train_dataloader.batch_sampler
            batches.sampler.start_at(self._batches_done * batches.batch_size)
        self._batches_done = 0

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the place and the sampler's seed."""
        meta = checkpoint['meta']
        # Saved at the end of the epoch, it counts as the start of the next.
        within = meta['epoch'] == self._epoch
        sampler = _startable_sampler(runner.train_dataloader)
        meta[KEY] = dict(
            batches_done=meta['iter'] - self._first_iter if within else 0,
            batches_per_epoch=len(runner.train_dataloader),
            seed=None if sampler is None else sampler.seed,
        )

    def _find_place(self, runner: Runner, startable: bool) -> int:
        """Batches of the epoch that were done, or 0 with a warning."""
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
                f'Epoch {number} was interrupted, but begins anew: {obstacle}.'
            )
            return 0
        runner.logger.info(
            f'Epoch {number} goes on after {done} of its {total} batches. The log '
            'counts the remaining ones from 1.'
        )
        return done


def _obstacle(before: int | None, now: int, startable: bool) -> str | None:
    if before is None:
        return 'the checkpoint was saved without ResumeWithinEpochHook'
    if before != now:
        return (
            f'it had {before} batches, and now {now} (batch size, number of ranks or '
            'data changed)'
        )
    if not startable:
        return (
            'its sampler, or batch sampler, cannot start in the middle. One that can, '
            "and shuffles like DefaultSampler, is ClassBalancedSampler(mode='instance')"
        )
    return None


def _startable_sampler(loader: DataLoader) -> Any:
    """Sampler that can start in the middle of an epoch, or None.

    A batch sampler other than PyTorch's may use samples in another way than so many a
    batch.
    """
    batches = loader.batch_sampler
    if type(batches) is BatchSampler and hasattr(batches.sampler, 'start_at'):
        return batches.sampler
    return None
