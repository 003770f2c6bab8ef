"""Hook that saves and loads the classes of all ranks."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner, autocast, find_latest_checkpoint

from mmgala.datasets.labels import class_names
from mmgala.engine.class_shards_setup import check_hooks, note_optimizer
from mmgala.functional.rebalance import check_tau
from mmgala.models.heads.shard_state import sharded_heads
from mmgala.registry import HOOKS
from mmgala.sharding.checkpoint import (
    OPTIMIZER,
    load_shares,
    order_digest,
    save_shares,
    stored_tensors,
)
from mmgala.sharding.optimizer_state import (
    Share,
    optimizer_shares,
    parameter_positions,
    put_in,
    take_out,
)
from mmgala.utils.checkpoint_fit import unwrap_model
from mmgala.utils.class_shares import (
    ENDING,
    META,
    SHARED_OUT,
    checkpoint_of_shares,
)


@HOOKS.register_module()
class ClassShardsHook(Hook):
    """Saves and loads the shares of ``GALAHead(shard_classes=True)``.

    Whenever MMEngine saves ``NAME.pth``, each rank writes its weights, statistics and
    optimizer state into the folder ``NAME.TOKEN.shards`` beside it. Training can be
    resumed, and models tested, with another number of ranks. ``mmgala merge NAME.pth
    OUT.pth`` writes one file for a head without ``shard_classes``. Folders whose
    checkpoint is gone are removed.

    With one rank, a checkpoint has everything, and there is no folder.

    Args:
        tau: strength of prediction re-balancing in tests; 0 is none. It predicts the
            test set twice: first to sum the scores of each class, on the rank that has
            the class, then with the class mass.

    Raises:
        ValueError: if ``tau`` is invalid.
    """

    priority = 'VERY_HIGH'  # loads before other hooks look at the weights

    def __init__(self, tau: float = 0.0) -> None:
        check_tau(tau)
        self.tau = tau
        self._folder: Path | None = None  # of the last checkpoint
        self._places: set[Path] = set()  # folders that have had checkpoints
        self._stored_order: str | None = None

    def before_run(self, runner: Runner) -> None:
        """Take part in saving on all ranks; MMEngine saves on the first one alone.

        Raises:
            ValueError: if the config has what would be of one rank's classes alone: a
                moving average of the weights, an optimizer that uses norms of weights
                or gradients; or re-balancing by this hook, and no class is shared out.
        """
        heads = self._heads(runner)
        if not heads:
            if self.tau:
                raise ValueError(
                    f'ClassShardsHook(tau={self.tau}) re-balances a head with '
                    'shard_classes=True, and the model has none: remove `tau`, and '
                    'test with `--rebalance`.'
                )
            return
        for head in heads.values():
            head.saved_by_hook = True
        check_hooks(runner.hooks)
        if not hasattr(runner.save_checkpoint, 'with_shares'):
            runner.save_checkpoint = self._saving_shares(runner, runner.save_checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Compare the classes of loaded shares with those of the training set.

        Raises:
            ValueError: if they have another order, or the optimizer cannot train some
                of the classes alone.
        """
        for head in self._heads(runner).values():
            note_optimizer(head, runner.optim_wrapper)
        names = class_names(runner.train_dataloader.dataset)
        if self._stored_order and names and order_digest(names) != self._stored_order:
            raise ValueError(
                f'The loaded shares are of other classes, or another order, than the '
                f'{len(names)} classes of the training set, {names[0]!r} to '
                f'{names[-1]!r}: give the data set the `classes` of the checkpoint, or '
                "add dict(type='mmgala.ClassNamesHook') to `custom_hooks`."
            )

    def after_train(self, runner: Runner) -> None:
        """Remove folders whose checkpoints are gone."""
        if is_main_process():
            for place in self._places:
                _remove_orphans(place, self._folder)

    def before_test_epoch(self, runner: Runner) -> None:
        """Sum the scores of the test set, for re-balancing."""
        heads = self._heads(runner).values()
        if not self.tau or not heads:
            return
        loader = runner.test_dataloader
        for head in heads:
            head.start_class_mass(len(loader.dataset))
        runner.model.eval()  # the loop does so after this hook
        with torch.no_grad(), autocast(enabled=runner.test_loop.fp16):
            for batch in loader:
                runner.model.test_step(batch)
        for head in heads:
            head.finish_class_mass(self.tau)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Say where the shares are; runs on the first rank."""
        if self._folder is None:
            return
        names = class_names(runner.train_dataloader.dataset)
        checkpoint['meta'][META] = dict(
            folder=self._folder.name, order=order_digest(names) if names else ''
        )
        for prefix, head in self._heads(runner).items():
            classes = torch.tensor(head.shards.num_classes)
            checkpoint['state_dict'][prefix + SHARED_OUT] = classes
        if 'optimizer' in checkpoint:
            places = parameter_positions(runner.optim_wrapper, self._shares(runner))
            take_out(checkpoint['optimizer']['state'], places)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Read this rank's shares.

        Raises:
            FileNotFoundError: if their folder is missing or not complete.
            ValueError: if they have another number of classes.
        """
        stored = checkpoint.get('meta', {}).get(META)
        heads = self._heads(runner)
        if not stored or not heads:
            return
        folder = _folder_of_checkpoint(runner) / stored['folder']
        self._stored_order = stored['order'] or None
        shares = self._shares(runner, of_one=True)
        head = next(iter(heads.values()))
        known = stored_tensors(folder)
        wanted = list(shares)
        with_optimizer = 'optimizer' in checkpoint and isinstance(
            runner.optim_wrapper, OptimWrapper
        )
        if with_optimizer:
            wanted += [
                (key, share, dim)
                for name, share, dim in shares
                for key in known
                if key.startswith(f'{OPTIMIZER}{name}.')
            ]
        loaded = load_shares(folder, wanted, head.shards)
        checkpoint['state_dict'] |= {name: loaded[name] for name, _, _ in shares}
        if with_optimizer:
            places = parameter_positions(runner.optim_wrapper, shares)
            put_in(checkpoint['optimizer']['state'], places, loaded, OPTIMIZER)

    def _heads(self, runner: Runner) -> dict[str, Any]:
        return sharded_heads(unwrap_model(runner.model))

    def _shares(self, runner: Runner, of_one: bool = False) -> list[Share]:
        """What this rank has for itself; with one rank, nothing unless ``of_one``."""
        return [
            (prefix + name, share, dim)
            for prefix, head in self._heads(runner).items()
            for name, share, dim in head.shard_tensors()
            if head.shards.ranks > 1 or of_one
        ]

    def _saving_shares(self, runner: Runner, save: Callable) -> Callable:
        def save_checkpoint(out_dir: str, filename: str, *args: Any, **kw: Any) -> None:
            if shares := self._shares(runner):
                self._save(runner, shares, Path(out_dir, filename))
            save(out_dir, filename, *args, **kw)
            self._places.add(Path(out_dir))
            if is_main_process():
                _remove_orphans(Path(out_dir), self._folder, Path(filename).stem)

        save_checkpoint.with_shares = True  # type: ignore[attr-defined]
        return save_checkpoint

    def _save(self, runner: Runner, shares: list[Share], path: Path) -> None:
        """Write the shares, unless they were written a moment ago."""
        token = f'{runner.timestamp}_{runner.iter}'
        folder = path.with_name(f'{path.stem}.{token}{ENDING}')
        if folder == self._folder:  # saved again, for its meta information
            return
        optimizer = runner.optim_wrapper.optimizer
        shares = [*shares, *optimizer_shares(optimizer, shares, OPTIMIZER)]
        head = next(iter(self._heads(runner).values()))
        save_shares(folder, shares, head.shards)
        self._folder = folder


def names_read_from_shares(runner: Runner) -> set[str]:
    """Names of the tensors that this hook, if the runner has it, reads from shares."""
    if not any(isinstance(hook, ClassShardsHook) for hook in runner.hooks):
        return set()
    return {
        prefix + name
        for prefix, head in sharded_heads(unwrap_model(runner.model)).items()
        for name, _, _ in head.shard_tensors()
    }


def _folder_of_checkpoint(runner: Runner) -> Path:
    """Folder that the runner loads from."""
    path = runner._load_from
    if path is None and runner._resume:
        path = find_latest_checkpoint(runner.work_dir)
    return Path(path).parent if path else Path(runner.work_dir)


def _remove_orphans(place: Path, kept: Path | None, written: str = '') -> None:
    """Remove folders without a checkpoint, and former ones of the one just written.

    Args:
        place: folder of the checkpoints.
        kept: shares that were saved last.
        written: name, without ending, of the checkpoint that was written just now.
    """
    for folder in place.glob(f'*{ENDING}'):
        checkpoint = checkpoint_of_shares(folder)
        assert checkpoint is not None
        former = checkpoint.stem == written and folder != kept
        if former or not checkpoint.exists():
            shutil.rmtree(folder, ignore_errors=True)
