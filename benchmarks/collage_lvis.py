"""Losses of detectors on collages in LVIS's format, by frequency of the classes.

A small Faster R-CNN and a small RetinaNet, each with its usual loss and with GALA in
both forms of background, the first also with Seesaw loss, and with cross-entropy in the
second form of background, so that form and margins can be told apart. First:

    python tools/prepare_data.py fashion-mnist
    python tools/make_collage_lvis.py

The last epoch counts. Which form of background is the better one is decided on the
validation part; the test part is looked at once. Finished trainings are not repeated.
"""

import argparse
import json
import warnings
from importlib.metadata import version
from pathlib import Path

warnings.simplefilter('ignore')  # of libraries, while they are imported

import collage_confusions  # noqa: E402
from collage_figures import draw_detections, draw_groups  # noqa: E402
from collage_runs import METRICS, train_all  # noqa: E402
from collage_tables import best_background, markdown  # noqa: E402
from mmengine.config import Config  # noqa: E402
from runs import CONSOLE, Job, describe_machine  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
CONFIG = 'configs/detection/{}_tiny_collage-lvis{}.py'
VERSIONED = ('onedl-mmcv', 'onedl-mmdetection', 'faster-coco-eval')
# Detector -> method -> what the config's name ends with.
METHODS = {
    'faster-rcnn': {
        'ce': '',
        'ce-objectness': '_ce-objectness',
        'gala': '_gala',
        'gala-objectness': '_gala-objectness',
        'seesaw': '_seesaw',
    },
    'retinanet': {'focal': '', 'gala': '_gala', 'gala-theta': '_gala-theta'},
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1])
    parser.add_argument(
        '--detectors', nargs='+', choices=list(METHODS), default=list(METHODS)
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
    """The shipped config with this run's data and epochs, as a file."""
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


def summary(job: Job, result: dict, config: str, args: argparse.Namespace) -> dict:
    """Figures of one training, in percent; None for a group without classes."""
    detector, method = job.method.split('_')
    figures = {}
    for part in ('val', 'test'):
        values = {name: result[part][f'bbox_{name}'] for name in METRICS}
        figures[part] = {
            name: round(100 * value, 3) if value >= 0 else None
            for name, value in values.items()
        }
    return dict(
        detector=detector,
        method=method,
        seed=job.seed,
        config=config,
        seconds=round(result['seconds'], 1),
        **figures,
        rare_detections=collage_confusions.confusions(
            args.data, args.work_dir / job.name / 'test.bbox.json'
        ),
    )


def main() -> None:
    args = parse_args()
    if not args.data.is_dir():
        raise SystemExit(
            f'error: {args.data} does not exist: tools/make_collage_lvis.py makes it.'
        )
    configs = {
        f'{detector}_{method}': CONFIG.format(detector, suffix)
        for detector in args.detectors
        for method, suffix in METHODS[detector].items()
    }
    written = {name: write_config(path, args) for name, path in configs.items()}
    jobs = [
        Job(name, path, seed) for seed in args.seeds for name, path in written.items()
    ]
    results = train_all(jobs, args.work_dir)
    runs = [
        summary(job, result, configs[job.method], args)
        for job, result in results.items()
    ]
    chosen = {detector: best_background(runs, detector) for detector in args.detectors}
    machine = describe_machine()
    machine['versions'] |= {name: version(name) for name in VERSIONED}
    record = dict(runs=runs, background_chosen_on_val=chosen, machine=machine)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(record, indent=1))
    text = f'{markdown(runs, chosen)}\n{collage_confusions.markdown(runs)}'
    args.out.with_suffix('.md').write_text(text)
    CONSOLE.print(text, highlight=False)
    draw_groups(runs, args.out.with_name(f'{args.out.stem}_groups.png'))
    for detector in args.detectors:
        shown = (next(iter(METHODS[detector])), chosen[detector])
        draw_detections(
            args.data,
            {
                f'{detector}, {method}': args.work_dir
                / Job(f'{detector}_{method}', '', args.seeds[0]).name
                for method in shown
            },
            args.out.with_name(f'{args.out.stem}_{detector}_detections.jpg'),
        )


if __name__ == '__main__':
    main()
