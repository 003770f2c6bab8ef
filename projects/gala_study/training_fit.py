"""How well networks fit their training images, without augmentation.

    python -m projects.gala_study.training_fit

Reads the work dirs of benchmarks/cifar100_lt.py and benchmarks/method_comparison.py,
and the published weights. Results go to benchmarks/results/training_fit.json; a
training that is not there is left out, with a message, and keeps its earlier result.
Test images are not read.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.quiet import quiet_imports

with quiet_imports():
    import numpy as np
    import torch
    from mmengine.config import Config
    from torch import Tensor

    from benchmarks.method_comparison import RESULTS, ROOT
    from mmgala.analysis.comparison_folders import read_run_state
    from mmgala.apis import build_whole_split, load_model
    from mmgala.comparison.results import evaluate
    from mmgala.comparison.runs import CONFIG
    from mmgala.console import result, say
    from mmgala.evaluation.score_dump import stack_targets
    from mmgala.utils.checkpoint import read_checkpoint
    from mmgala.utils.checkpoint_meta import stored_class_counts, stored_class_names
    from mmgala.utils.files import write_json

CIFAR = ('gala', 'gala-margin', 'gala-lead')
METHODS = ('balanced-softmax', 'gala-margin', 'gala-lead')
# Label of a data set -> seed, and the comparison with each method.
COMPARED = {
    'Digits-LT': (0, dict.fromkeys(METHODS, 'label-margin_digits-lt')),
    'Fashion-MNIST-LT, factor 100': (
        0,
        dict.fromkeys(METHODS, 'fashion-mnist-lt_if100')
        | {'gala-lead': 'gala-lead_fashion-mnist-lt_if100'},
    ),
    'FashionPairs-LT': (0, dict.fromkeys(METHODS, 'label-margin_fashion-pairs-lt')),
    'PlanktonSet': (
        2,
        dict.fromkeys(METHODS, 'plankton_seed2') | {'gala-lead': 'gala-lead_plankton'},
    ),
}


def trained(work_dir: Path) -> Iterator[tuple[str, str, Path, Path]]:
    """Data set, method, config and weights of each finished training."""
    for method in CIFAR:
        name = f'{method}_if100_seed0'
        published = (RESULTS / 'cifar100_lt' / name).with_suffix('.pth')
        if published.is_file():
            yield 'CIFAR100-LT', method, published.with_suffix('.py'), published
        else:
            yield from _run('CIFAR100-LT', method, work_dir / 'cifar100_lt' / name)
    for label, (seed, names) in COMPARED.items():
        for method, name in names.items():
            folder = work_dir / 'compare' / name / method / f'seed{seed}'
            yield from _run(label, method, folder)


def _run(
    label: str, method: str, folder: Path
) -> Iterator[tuple[str, str, Path, Path]]:
    state = read_run_state(folder) or {}
    if state.get('status') == 'finished':
        weights = next(file for file in state['files'] if file.endswith('.pth'))
        yield label, method, folder / CONFIG, folder / weights
    else:
        say(f'{label}, {method}: no finished run in {folder}; left out')


@torch.no_grad()
def training_scores(config: Path, weights: Path) -> tuple[Tensor, Tensor, np.ndarray]:
    """Scores of all training images, their labels, and the class counts.

    Returns:
        ``(N, C)`` softmax scores, ``(N,)`` labels, and ``(C,)`` training images.
    """
    cfg, checkpoint = Config.fromfile(config), read_checkpoint(weights)
    model = load_model(cfg, checkpoint, weights)
    scores, labels = [], []
    for data in build_whole_split(cfg, 'train', stored_class_names(checkpoint)):
        samples = model.test_step(data)
        scores.append(torch.stack([sample.pred_score for sample in samples]))
        labels.append(stack_targets([sample.to_dict() for sample in samples]))
    counts = np.array(stored_class_counts(checkpoint))
    return torch.cat(scores), torch.cat(labels), counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs')
    args = parser.parse_args()
    path = RESULTS / 'training_fit.json'
    found = json.loads(path.read_text()) if path.is_file() else {}
    for label, method, config, weights in trained(args.work_dir):
        scores, labels, counts = training_scores(config, weights)
        metrics = evaluate(scores.float().numpy(), labels.numpy(), counts)
        kept = ('class_mean', 'many', 'medium', 'few')
        row = {key: round(metrics[key], 1) for key in kept if key in metrics}
        found.setdefault(label, {})[method] = row
        write_json(path, found)
        result(f'{label}, {method}: {row}')


if __name__ == '__main__':
    main()
