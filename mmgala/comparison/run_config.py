"""The exact config of a run: what its seed, folder and selection add to the method."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from mmgala.comparison.configuring import short_name, with_method
from mmgala.comparison.method import Method
from mmgala.engine.stages import trains_by_epoch
from mmgala.engine.validation_data import validates_on_test

SELECTIONS = ('last', 'best')
LIMITS = ('many', 'few')
METRIC = 'LongTailedAccuracy'


def run_config(
    cfg: Config, method: Method, seed: int, folder: Path, selection: str
) -> Config:
    """Exact config of a run: the method's, with its seed, folder and what it saves.

    Runs of one seed see the same batches in the same order: MMEngine's samplers draw
    from a generator of their own. All heads of one shape start from the same weights,
    but for a bias that a loss sets (``cb-focal``). ``CosineClsHead`` draws others than
    ``LinearClsHead``, and so does the backbone that is initialised after it. Random
    augmentations are the same with ``num_workers`` of 1 or more. With 0 they share
    generators with the model, where losses with noise (``gcl-one-stage``) draw, too.

    Args:
        cfg: the user's.
        method: to put in.
        seed: of initialisation, sampling and augmentation.
        folder: of the run.
        selection: ``'last'``: the last epoch counts, and there is no validation
            before; ``'best'``: the best epoch on the validation set counts.
    """
    cfg = with_method(cfg, method)
    cfg.work_dir = str(folder)
    cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}
    cfg.resume = False
    cfg.launcher = 'none'
    cfg.visualizer = None
    limits = shot_limits(cfg)
    for split in ('val', 'test'):
        if cfg.get(f'{split}_dataloader') is not None:
            cfg[f'{split}_evaluator'] = dict(type=f'mmgala.{METRIC}', **limits)
            cfg[f'{split}_cfg'] = cfg.get(f'{split}_cfg') or dict()
    _set_checkpoints(cfg, selection)
    return cfg


def _set_checkpoints(cfg: Config, selection: str) -> None:
    by_epoch = trains_by_epoch(cfg)
    hooks = cfg.setdefault('default_hooks', ConfigDict())
    old = hooks.get('checkpoint') or {}
    checkpoint = dict(
        type='CheckpointHook',
        by_epoch=by_epoch,
        # Where it goes on after an interruption.
        interval=1 if by_epoch else old.get('interval', 1000),
        max_keep_ckpts=1,
        save_last=True,
    )
    if selection == 'best':
        checkpoint |= dict(save_best='accuracy/class_mean', rule='greater')
    elif not _needs_validation(cfg):
        cfg.train_cfg.val_begin = training_length(cfg) + 1
    hooks.checkpoint = checkpoint


def _needs_validation(cfg: Config) -> bool:
    """Whether validation steers the training itself."""
    schedulers = cfg.get('param_scheduler') or []
    schedulers = schedulers if isinstance(schedulers, list) else [schedulers]
    parts = [*schedulers, *(cfg.get('custom_hooks') or [])]
    names = [short_name(part['type']) for part in parts]
    return any('Plateau' in name or 'EarlyStopping' in name for name in names)


def training_length(cfg: Config) -> int:
    """Epochs, or iterations where those are counted."""
    if trains_by_epoch(cfg):
        return cfg.train_cfg.max_epochs
    return cfg.train_cfg.max_iters


def shot_limits(cfg: Config) -> dict[str, int]:
    """Limits of the shot groups that the config's own test metric has."""
    for name in ('test_evaluator', 'val_evaluator'):
        for metric in _metrics(cfg.get(name)):
            if short_name(metric.get('type', '')) == METRIC:
                return {key: metric[key] for key in LIMITS if key in metric}
    return {}


def _metrics(evaluator: Any) -> Sequence[Mapping]:
    if isinstance(evaluator, Mapping):
        if 'metrics' not in evaluator:
            return [evaluator]
        evaluator = evaluator['metrics']
        return [evaluator] if isinstance(evaluator, Mapping) else evaluator
    return evaluator or []


def validation_problem(cfg: Config) -> str | None:
    """Why nothing can be chosen on the validation set; None where it can."""
    if cfg.get('val_dataloader') is None:
        return 'the config has no val_dataloader'
    if validates_on_test(cfg):
        return 'the validation set of the config is its test set'
    return None
