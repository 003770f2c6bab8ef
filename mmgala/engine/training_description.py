"""What is trained on what, and where its files are, in a few lines."""

from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import Runner
from torch import nn

from mmgala.console import current_session
from mmgala.utils.checkpoint_fit import unwrap_model


def trains_by_epoch(runner: Runner) -> bool:
    """Whether the length of a training is set in epochs rather than iterations."""
    return hasattr(runner.train_loop, 'run_epoch')


def batch_size(loader: Any) -> int:
    """Samples of a batch on one rank; 1 if it is unknown."""
    return getattr(loader, 'batch_size', None) or 1


def description(runner: Runner) -> str:
    """What is trained on what, in two lines."""
    model = unwrap_model(runner.model)
    names = ('backbone', 'head', 'rpn_head', 'roi_head', 'bbox_head')
    parts = [getattr(model, name) for name in names if hasattr(model, name)]
    loss = getattr(getattr(model, 'head', None), 'loss_module', None)
    inside = [type(part).__name__ for part in (*parts, loss) if part is not None]
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    loader = runner.train_dataloader
    batch = batch_size(loader) * get_world_size()
    return (
        f'Training {type(model).__name__} ({", ".join(inside)}), '
        f'{weights / 1e6:.3g} million weights, on {_device(model)},\n'
        f'on {type(loader.dataset).__name__}: {len(loader.dataset):,} samples, '
        f'{described_length(runner)} with batches of {batch}.'
    )


def _device(model: nn.Module) -> str:
    """Device of a model, and the number of ranks if there are several."""
    device = next((p.device.type for p in model.parameters()), 'cpu')
    ranks = get_world_size()
    return f'{ranks} x {device}' if ranks > 1 else device


def described_length(runner: Runner) -> str:
    """Epochs or iterations of a whole training."""
    if trains_by_epoch(runner):
        return f'{runner.max_epochs} epochs'
    return f'{runner.max_iters:,} iterations'


def written_files(runner: Runner) -> str:
    """Where the checkpoints and the log are."""
    lines = [f'Written to {runner.work_dir}:']
    latest = Path(runner.work_dir, 'last_checkpoint')
    if latest.is_file():
        lines.append(f'  last checkpoint  {Path(latest.read_text().strip()).name}')
    best = runner.message_hub.runtime_info.get('best_ckpt')
    if best:
        lines.append(f'  best checkpoint  {Path(str(best)).name}')
    session = current_session()
    if session is not None and session.log is not None:
        log = Path(session.log)
        root = Path(runner.work_dir).absolute()
        shown = log.relative_to(root) if log.is_relative_to(root) else log
        lines.append(f'  log              {shown}')
    return '\n'.join(lines)
