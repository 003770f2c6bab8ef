"""A config in two stages, and the checkpoints that its training leaves."""

from pathlib import Path

import torch
from mmengine.config import Config

LAST, MAX = 3, 5  # epochs, or iterations, of stage 2 and of stage 1


def two_stages(work_dir, unit='epochs', **options):
    """Config with these options of the command line, ``__`` for their dots."""
    limit = {'epochs': 'max_epochs', 'iterations': 'max_iters'}[unit]
    cfg = Config(
        dict(
            work_dir=str(work_dir),
            load_from=None,
            resume=False,
            train_cfg={'by_epoch': unit == 'epochs', limit: LAST},
            model=dict(
                freeze_backbone=True,
                backbone=dict(depth=20),
                head=dict(type='B', loss=dict(type='GALA', lambda_pos=1.2)),
            ),
            hooks=['one', dict(type='two')],
            stage1=dict(
                train_cfg={limit: MAX},
                model=dict(
                    freeze_backbone=False,
                    head=dict(loss=dict(_delete_=True, type='CE')),
                ),
                hooks=[dict(type='first')],
            ),
        )
    )
    cfg.merge_from_dict({k.replace('__', '.'): v for k, v in options.items()})
    return cfg


def save(work_dir, stage, step, unit='epochs'):
    """Write a checkpoint of a stage with MMEngine's note of it; return its path."""
    folder = Path(work_dir, 'stage1') if stage == 1 else Path(work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{unit}_{step}.pth'
    meta = {'epoch': step, 'iter': 100 * step}
    if unit == 'iterations':
        meta = {'epoch': 0, 'iter': step}
    torch.save({'state_dict': {}, 'meta': meta}, path)
    (folder / 'last_checkpoint').write_text(str(path))
    return str(path)


def facts(stages):
    """Of each stage: which it is, what it starts from, and whether it resumes."""
    return [
        (2 if cfg.model.freeze_backbone else 1, cfg.load_from, cfg.resume)
        for cfg in (stage.cfg for stage in stages)
    ]
