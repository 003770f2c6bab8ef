"""Hook that keeps the padding samples of several ranks out of statistics."""

from typing import Any

from mmengine.dataset import DefaultSampler
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import BatchSampler, DataLoader

from mmgala.datasets.labels import is_detection_dataset
from mmgala.datasets.samplers.epoch_sampler import EpochSampler
from mmgala.engine.hooks.resume_within_epoch_hook import ResumeWithinEpochHook
from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import unwrap_model


class BatchPadding:
    """Counts the padding samples in the batches of this rank.

    If the number of ranks does not divide the samples of an epoch, samplers add some,
    so that all ranks have equally many. They are the last of a rank's epoch.
    """

    def __init__(self) -> None:
        self._first_iter = 0

    def start_epoch(self, runner: Runner) -> None:
        """Note the position in the epoch; call it in ``before_train_epoch``."""
        done = [
            hook.batches_done
            for hook in runner.hooks
            if isinstance(hook, ResumeWithinEpochHook)
        ]
        self._first_iter = runner.iter - sum(done)

    def of_batch(self, runner: Runner) -> tuple[int, int]:
        """Number of padding samples at the end of the coming batch, and its size.

        (0, 0) where it is unknown which samples are padding: with other samplers than
        MMEngine's ``DefaultSampler`` and ours, and in detection, where a row of the
        logits is a region.
        """
        loader = runner.train_dataloader
        if get_world_size() == 1 or is_detection_dataset(loader.dataset):
            return 0, 0
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            index = runner.iter - self._first_iter
        else:
            index = runner.iter % len(loader)
        return padding_of_batch(loader, index)


def padding_of_batch(loader: DataLoader, index: int) -> tuple[int, int]:
    """Number of padding samples at the end of a batch of an epoch, and its size.

    Args:
        loader: of the training set.
        index: of the batch in the epoch of this rank, from 0.
    """
    batches = loader.batch_sampler
    if type(batches) is not BatchSampler:  # its batches may differ in size
        return 0, 0
    sampler: Any = batches.sampler
    total = _samples_of_epoch(sampler)
    if total is None:
        return 0, 0
    own = len(range(sampler.rank, total, sampler.world_size))  # without padding
    start = index * batches.batch_size
    end = min(start + batches.batch_size, len(sampler))
    return max(0, end - max(start, own)), end - start


def _samples_of_epoch(sampler: object) -> int | None:
    """Samples of an epoch over all ranks without padding; None if there is none."""
    if isinstance(sampler, EpochSampler):
        return None if sampler.infinite else sampler.num_samples
    if isinstance(sampler, DefaultSampler) and sampler.round_up:
        return len(sampler.dataset)
    return None


@HOOKS.register_module()
class PaddingHook(Hook):
    """Keep padding samples of several ranks out of the statistics of losses.

    If the number of ranks does not divide the number of samples, a sampler adds some
    samples of the epoch a second time. A step trains on them, but losses that
    accumulate statistics do not count them: their statistics are of every sample once.
    With one process the hook does nothing. In detection padding is counted, as it is
    unknown which regions are of the added image.
    """

    def __init__(self) -> None:
        self._padding = BatchPadding()

    def before_train(self, runner: Runner) -> None:
        """Find the losses."""
        self._losses: list[Any] = [
            module
            for module in unwrap_model(runner.model).modules()
            if hasattr(module, 'reset_statistics')  # others have a padding in pixels
        ]

    def before_train_epoch(self, runner: Runner) -> None:
        """Note the position in the epoch."""
        self._padding.start_epoch(runner)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None
    ) -> None:
        """Tell the losses how many samples of the batch are padding."""
        if self._losses:
            padding = self._padding.of_batch(runner)
            for loss in self._losses:
                loss.padding = padding

    def after_train(self, runner: Runner) -> None:
        """Count all samples again."""
        for loss in self._losses:
            loss.padding = (0, 0)


def add_padding_hook(runner: Runner) -> None:
    """Add the hook to a runner whose config does not have it."""
    if not any(isinstance(hook, PaddingHook) for hook in runner.hooks):
        runner.register_hook(PaddingHook())
