"""MMEngine's files appear whole, and old checkpoints are removed last.

MMEngine writes into the final file, and removes the old checkpoint before it writes the
new one, so that a training that is killed in between may lose both. The functions here
take the place of its own for every config, scope and subclass, since none of these can
select them.
"""

import functools
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmengine.runner.runner
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.runner.checkpoint import save_checkpoint

from mmgala.utils.files import replacing, write_text
from mmgala.utils.plain_data import plain_data

OUTDATED = 'outdated_best_ckpts'  # in the message hub; removed after saving
VALIDATED = 'validated_iter'  # in the message hub; iteration of the last validation


def make_saving_safe() -> None:
    """Replace the functions of MMEngine that write and remove files; works once."""
    if hasattr(CheckpointHook, '_mmgala_safe'):
        return
    CheckpointHook._mmgala_safe = True
    mmengine.runner.runner.save_checkpoint = _saving_plain(save_checkpoint)
    LocalBackend.put = _put
    LocalBackend.put_text = _put_text
    Config.dump = _dumping_whole(Config.dump)
    CheckpointHook.before_train = _completing(CheckpointHook.before_train)
    CheckpointHook._save_checkpoint_with_step = _save_step
    CheckpointHook._save_best_checkpoint = _removing_last(
        CheckpointHook._save_best_checkpoint
    )


def _saving_plain(save: Callable) -> Callable:
    @functools.wraps(save)
    def save_plain(checkpoint: dict, *args: Any, **kwargs: Any) -> None:
        """Save meta information, of any type, as data that can be read safely."""
        if 'meta' in checkpoint:
            checkpoint['meta'] = plain_data(checkpoint['meta'])
        hub = checkpoint.get('message_hub') or {}
        if 'runtime_info' in hub:
            hub['runtime_info'] = plain_data(hub['runtime_info'])
        save(checkpoint, *args, **kwargs)

    return save_plain


def _put(self: LocalBackend, obj: bytes, filepath: str | Path) -> None:
    """Write bytes, complete or not at all."""
    with replacing(filepath) as unfinished:
        unfinished.write_bytes(obj)


def _put_text(
    self: LocalBackend, obj: str, filepath: str | Path, encoding: str = 'utf-8'
) -> None:
    """Write text, complete or not at all."""
    with replacing(filepath) as unfinished:
        unfinished.write_text(obj, encoding=encoding)


def _dumping_whole(dump: Callable) -> Callable:
    @functools.wraps(dump)
    def dump_whole(self: Config, file: str | Path | None = None) -> str | None:
        if file is None:
            return dump(self)
        with replacing(file) as unfinished:
            return dump(self, str(unfinished))

    return dump_whole


def _save_step(self: CheckpointHook, runner: Runner, step: int, meta: dict) -> None:
    """Save a checkpoint, then note it as the last one, then remove the oldest one.

    While it is saved, ``keep_ckpt_ids`` also lists the oldest one: if the training is
    killed before that is removed, MMEngine removes it on resuming.
    """
    kept: deque = self.keep_ckpt_ids if self.max_keep_ckpts > 0 else deque()
    outdated = None
    if self.max_keep_ckpts > 0 and step not in list(kept)[-1:]:
        runner.message_hub.update_info('keep_ckpt_ids', [*kept, step])
        if len(kept) == self.max_keep_ckpts:
            outdated = kept.popleft()
        kept.append(step)
    name = self.filename_tmpl.format(step)
    self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
    runner.message_hub.update_info('last_ckpt', self.last_ckpt)
    runner.save_checkpoint(
        self.out_dir,
        name,
        self.file_client_args,
        save_optimizer=self.save_optimizer,
        save_param_scheduler=self.save_param_scheduler,
        meta=meta,
        by_epoch=self.by_epoch,
        backend_args=self.backend_args,
        **self.args,
    )
    if is_main_process():
        write_text(Path(runner.work_dir, 'last_checkpoint'), str(self.last_ckpt))
        if outdated is not None:
            old = self.filename_tmpl.format(outdated)
            path = self.file_backend.join_path(self.out_dir, old)
            if path != self.last_ckpt:
                _remove(self.file_backend, path)
    if kept:
        runner.message_hub.update_info('keep_ckpt_ids', list(kept))


def _remove(backend: Any, path: str) -> None:
    if backend.isfile(path):
        backend.remove(path)
    elif backend.isdir(path):  # DeepSpeed's checkpoints are folders
        backend.rmtree(path)


class _RemovingLater:
    """A file backend that only lists what to remove.

    Args:
        backend: where everything else goes.
        outdated: called with all paths to remove so far.
    """

    def __init__(self, backend: Any, outdated: Callable[[list[str]], None]) -> None:
        self.backend = backend
        self.paths: list[str] = []
        self._outdated = outdated

    def remove(self, path: str) -> None:
        self.paths.append(path)
        self._outdated(self.paths)

    rmtree = remove

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)


def _removing_last(save_best: Callable) -> Callable:
    """Let the best checkpoints replace the former ones when they are complete.

    The checkpoint that refers to them lists the former ones until they are removed.
    """

    @functools.wraps(save_best)
    def save(self: CheckpointHook, runner: Runner, metrics: dict) -> None:
        if not self.save_best or not hasattr(self, 'file_backend'):  # not in training
            return save_best(self, runner, metrics)
        hub = runner.message_hub
        hub.update_info(VALIDATED, runner.iter)
        backend = self.file_backend
        later = _RemovingLater(
            backend, lambda paths: hub.update_info(OUTDATED, list(paths))
        )
        self.file_backend = later
        try:
            save_best(self, runner, metrics)
        finally:
            self.file_backend = backend
        if later.paths:
            _remove_outdated(self, runner, later.paths)

    return save


def _best_checkpoints(hook: CheckpointHook) -> list[str | None]:
    if not hook.save_best:
        return []
    if len(hook.key_indicators) == 1:
        return [hook.best_ckpt_path]
    return list(hook.best_ckpt_path_dict.values())


def _remove_outdated(hook: CheckpointHook, runner: Runner, paths: list[str]) -> None:
    """Remove former best checkpoints, except those that were written again."""
    stay = {Path(path).name for path in _best_checkpoints(hook) if path}
    for name in {Path(path).name for path in paths} - stay:
        if is_main_process():  # the work dir may have been moved
            _remove(hook.file_backend, hook.file_backend.join_path(hook.out_dir, name))
    runner.message_hub.update_info(OUTDATED, [])


def _completing(before_train: Callable) -> Callable:
    """On resuming, complete what a kill cut off after the checkpoint was saved."""

    @functools.wraps(before_train)
    def complete(self: CheckpointHook, runner: Runner) -> None:
        before_train(self, runner)
        if outdated := runner.message_hub.runtime_info.get(OUTDATED):
            _remove_outdated(self, runner, outdated)
        if self.save_best and runner.iter > 0 and _validation_is_missing(runner):
            runner.logger.info('The validation before the interruption is repeated.')
            runner.val_loop.run()

    return complete


def _validation_is_missing(runner: Runner) -> bool:
    """Whether a validation was due at this point, but is not in the checkpoint.

    MMEngine saves the checkpoint before it validates, and does not validate on
    resuming: the best checkpoint would not be the best of all.
    """
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    if runner.message_hub.runtime_info.get(VALIDATED) == runner.iter:
        return False
    loop._decide_current_val_interval()
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    done = runner.epoch if by_epoch else runner.iter
    limit = runner.max_epochs if by_epoch else runner.max_iters
    if by_epoch and runner.iter != done * len(runner.train_dataloader):
        return False  # within an epoch
    due = done % loop.val_interval == 0 or done == limit
    return done >= loop.val_begin and due
