"""Compare losses of detectors on collages in LVIS format, by class frequency.

Trains a small Faster R-CNN and a small RetinaNet, each with its usual loss and with
GALA in several forms. Faster R-CNN is also trained with Seesaw loss. To separate the
effects of form and margins, both are trained with cross-entropy and an objectness, too:

    python tools/prepare_data.py fashion-mnist
    python -m projects.collage_lvis.make_set
    python -m projects.collage_lvis.compare_losses

Results are those of the last epoch. The form of GALA is chosen on the validation
split; the test split is evaluated once. Finished trainings are not repeated, and
results in the file of ``--out`` stay there unless a training of this command replaces
them, so that one method can be added:

    python -m projects.collage_lvis.compare_losses --detectors retinanet --methods focal
"""

import argparse
import json
from pathlib import Path

from benchmarks.quiet import quiet_imports

with quiet_imports():
    from mmengine.config import Config

    from benchmarks.runs import Training
    from mmgala.console import result as show
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json, write_text
    from projects.collage_lvis import confusions
    from projects.collage_lvis.detector_runs import METRICS, train_detectors
    from projects.collage_lvis.result_pictures import (
        draw_detections,
        draw_groups,
    )
    from projects.collage_lvis.result_tables import best_background, markdown

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'projects/collage_lvis/configs/{}_tiny_collage-lvis{}.py'
VERSIONED = ('onedl-mmcv', 'onedl-mmdetection', 'faster-coco-eval')
# Suffix of the config's name by detector and method.
METHODS = {
    'faster-rcnn': {
        'ce': '',
        'ce-objectness': '_ce-objectness',
        'counts-objectness': '_counts-objectness',
        'counts-objectness-cosine': '_counts-objectness-cosine',
        'gala': '_gala',
        'gala-objectness': '_gala-objectness',
        'gala-margin': '_gala-margin',
        'gala-lead': '_gala-lead',
        'seesaw': '_seesaw',
    },
    'retinanet': {
        'focal': '',
        'ce-objectness': '_ce-objectness',
        'ce-objectness-quarter': '_ce-objectness-quarter',
        'counts-objectness-quarter': '_counts-objectness-quarter',
        'gala-objectness': '_gala-objectness',
        'gala-objectness-quarter': '_gala-objectness-quarter',
    },
}
ALL_METHODS = list(dict.fromkeys(m for some in METHODS.values() for m in some))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1])
    parser.add_argument(
        '--detectors', nargs='+', choices=list(METHODS), default=list(METHODS)
    )
    parser.add_argument(
        '--methods', nargs='+', choices=ALL_METHODS, default=ALL_METHODS
    )
    parser.add_argument('--data', type=Path, default=ROOT / 'data' / 'collage_lvis')
    parser.add_argument('--epochs', type=int, help="instead of the configs'")
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs') / 'collage_lvis'
    )
    parser.add_argument(
        '--out', type=Path, default=ROOT / 'benchmarks/results/collage_lvis.json'
    )
    return parser.parse_args()


def write_config(path: str, args: argparse.Namespace) -> str:
    """Write the config with this run's data and epochs; return its path."""
    cfg = Config.fromfile(ROOT / path)
    for part in ('train', 'val', 'test'):
        cfg[f'{part}_dataloader'].dataset.data_root = f'{args.data}/'
        if part != 'train':
            ann_file = args.data / 'annotations' / f'lvis_{part}.json'
            cfg[f'{part}_evaluator'].ann_file = str(ann_file)
    epochs = args.epochs or cfg.train_cfg.max_epochs
    cfg.train_cfg.max_epochs = cfg.train_cfg.val_interval = epochs
    cfg.default_hooks.checkpoint.interval = epochs
    cfg.param_scheduler[-1].T_max = epochs
    folder = args.work_dir / 'configs'
    folder.mkdir(parents=True, exist_ok=True)
    cfg.dump(folder / Path(path).name)
    return str(folder / Path(path).name)


def summary(
    training: Training, result: dict, config: str, args: argparse.Namespace
) -> dict:
    """Metrics of one training, in percent; None for a group without classes."""
    detector, method = training.method.split('_')
    metrics = {}
    for part in ('val', 'test'):
        values = {name: result[part][f'bbox_{name}'] for name in METRICS}
        metrics[part] = {
            name: round(100 * value, 3) if value >= 0 else None
            for name, value in values.items()
        }
    return dict(
        detector=detector,
        method=method,
        seed=training.seed,
        config=config,
        seconds=round(result['seconds'], 1),
        **metrics,
        rare_detections=confusions.confusions(
            args.data, args.work_dir / training.name / 'test.bbox.json'
        ),
    )


def with_recorded(runs: list[dict], path: Path) -> list[dict]:
    """Runs of this command, and those of earlier ones that it does not repeat.

    Args:
        runs: runs of this command.
        path: file with the runs of earlier commands, if it exists.

    Returns:
        All of them by seed, and then in the order of ``METHODS``; methods that were
        removed since they were run come last.
    """
    found = json.loads(path.read_text())['runs'] if path.is_file() else []
    merged = {_key(run): run for run in [*found, *runs]}
    return [merged[key] for key in sorted(merged)]


def _key(run: dict) -> tuple[int, int, int, str]:
    """Seed of a run, the places of its detector and method, and a removed method."""
    detector = list(METHODS).index(run['detector'])
    methods = list(METHODS[run['detector']])
    if run['method'] not in methods:
        return run['seed'], detector, len(methods), run['method']
    return run['seed'], detector, methods.index(run['method']), ''


def draw_chosen(detector: str, method: str, args: argparse.Namespace) -> None:
    """Draw detections of the usual loss and of a method, if both were trained here."""
    folders = {
        f'{detector}, {name}': args.work_dir
        / Training(f'{detector}_{name}', '', args.seeds[0]).name
        for name in (next(iter(METHODS[detector])), method)
    }
    if all((folder / 'test.bbox.json').is_file() for folder in folders.values()):
        path = args.out.with_name(f'{args.out.stem}_{detector}_detections.jpg')
        draw_detections(args.data, folders, path)


def main() -> None:
    args = parse_args()
    if not args.data.is_dir():
        raise SystemExit(
            f'error: {args.data} does not exist: create it with '
            '"python -m projects.collage_lvis.make_set".'
        )
    configs = {
        f'{detector}_{method}': CONFIG.format(detector, suffix)
        for detector in args.detectors
        for method, suffix in METHODS[detector].items()
        if method in args.methods
    }
    written = {name: write_config(path, args) for name, path in configs.items()}
    trainings = [
        Training(name, path, seed)
        for seed in args.seeds
        for name, path in written.items()
    ]
    results = train_detectors(trainings, args.work_dir)
    runs = [
        summary(training, result, configs[training.method], args)
        for training, result in results.items()
    ]
    runs = with_recorded(runs, args.out)
    detectors = list(dict.fromkeys(run['detector'] for run in runs))
    known = [run for run in runs if run['method'] in METHODS[run['detector']]]
    chosen = {detector: best_background(known, detector) for detector in detectors}
    content = dict(
        runs=runs,
        background_chosen_on_val=chosen,
        machine=describe_machine(*VERSIONED),
    )
    write_json(args.out, content)
    text = f'{markdown(runs, chosen)}\n{confusions.markdown(runs)}'
    write_text(args.out.with_suffix('.md'), text)
    show(text)
    draw_groups(runs, args.out.with_name(f'{args.out.stem}_groups.png'))
    for detector in detectors:
        draw_chosen(detector, chosen[detector], args)


if __name__ == '__main__':
    main()
