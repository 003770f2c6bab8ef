"""Time and memory of testing many classes: re-balancing, files, tau, and the report.

Scores of a model that favours frequent classes are generated batch by batch, by default
as many as iNaturalist 2018 needs (24,426 images, 8,142 classes), so that only what the
code under test keeps counts. Each task runs in a process of its own with one thread.
`peak` is the most memory of the process, of which `before` is there after all imports;
`stored` is N x C float32. ``--before FOLDER`` runs the same tasks with the package in
another checkout, for a table of both. The time of the tasks that predict is less the
time that generating the same batches takes.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quiet import quiet_imports

with quiet_imports():
    import numpy as np
    import torch
    from fresh_process import measure_in_fresh_process, peak_mib, timed
    from rich.table import Table

    from mmgala.cli.commands import report as report_command
    from mmgala.console import result as show
    from mmgala.evaluation import (
        LongTailedAccuracy,
        PostHocEvaluator,
        ScoreDump,
        choose_post_hoc,
    )
    from mmgala.functional import long_tailed_counts
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json

OUT = Path(__file__).resolve().parent / 'results' / 'large_test.json'
SAMPLES, CLASSES, BATCH = 24_426, 8_142, 256
FILE = 'predictions.npz'
TASKS = {
    're-balance': 're-balancing over the test set, metrics',
    're-balance, half': 'the same, in half precision',
    'file': 're-balancing, metrics, `--out` file',
    'tau': 'choosing tau on the scores of a validation set',
    'report': '`mmgala report` on a file of predictions',
}
STORAGE = {'re-balance, half': 'half'}


def counts(classes: int) -> list[int]:
    """Training images of each class, 1,000 to 2."""
    return long_tailed_counts(classes, 1000, 500)


def batches(samples: int, classes: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Scores and labels of a model that favours frequent classes."""
    generator = torch.Generator().manual_seed(0)
    bias = 0.5 * torch.tensor(counts(classes)).float().log()
    for start in range(0, samples, BATCH):
        size = min(BATCH, samples - start)
        target = torch.arange(start, start + size) % classes
        logits = torch.randn(size, classes, generator=generator) + bias
        logits[torch.arange(size), target] += 5.0
        yield logits.softmax(dim=1), target


def feed(evaluator: Any, samples: int, classes: int) -> None:
    """Pass all predictions to an evaluator or a metric, in batches."""
    evaluator.dataset_meta = dict(class_counts=counts(classes))
    for scores, target in batches(samples, classes):
        batch = [
            dict(pred_score=score, gt_label=label.reshape(1))
            for score, label in zip(scores, target, strict=True)
        ]
        evaluator.process(data_samples=batch, data_batch=None)


def run(task: str, folder: Path, samples: int, classes: int) -> object:
    """Do a task; return what it found, for the comparison of both versions."""
    if task == 'report':
        sys.argv = ['report', str(folder), '--out', str(folder / 'report.html')]
        report_command.main()
        found = json.loads((folder / 'report.json').read_text())
        return found['runs'][0]['predictions']['rebalanced']['metrics']
    if task == 'tau':
        dump = ScoreDump()
        feed(dump, samples, classes)
        dump.evaluate(samples)
        scores = getattr(dump, 'blocks', None)
        scores = dump.scores if scores is None else scores
        return choose_post_hoc(scores, dump.targets, rebalancing='auto').steps.strengths
    metrics: list = [LongTailedAccuracy(topk=(1, 5))]
    if task == 'file':
        metrics.append(ScoreDump(str(folder / 'out.npz')))
    options = {'storage': STORAGE[task]} if task in STORAGE else {}
    evaluator = PostHocEvaluator(metrics, rebalancing=1.0, **options)
    feed(evaluator, samples, classes)
    return evaluator.evaluate(samples)


def generate(folder: Path, samples: int, classes: int) -> None:
    """Write the file of predictions that the report reads."""
    scores = np.empty((samples, classes), np.float32)
    target = np.empty(samples, np.int64)
    start = 0
    for part, labels in batches(samples, classes):
        rows = slice(start, start := start + len(part))
        scores[rows], target[rows] = part.numpy(), labels.numpy()
    np.savez_compressed(
        folder / FILE,
        pred_score=scores,
        gt_label=target,
        class_counts=np.array(counts(classes)),
    )


def measure(task: str, folder: Path, samples: int, classes: int) -> dict:
    """Measure time and peak memory of a task in this process."""
    torch.set_num_threads(1)
    before = peak_mib()
    found, cost = timed(run, task, folder, samples, classes)
    if task != 'report':
        begin, cpu_begin = time.perf_counter(), time.process_time()
        for _ in batches(samples, classes):
            pass
        cost['seconds'] -= time.perf_counter() - begin
        cost['cpu_seconds'] -= time.process_time() - cpu_begin
    return dict(**cost, before_mib=before, found=found)


def measure_all(package: Path | None, folder: Path, args: argparse.Namespace) -> dict:
    """Measure all tasks with this package, or with that in another checkout."""
    here = str(Path(__file__).resolve().parent.parent)
    os.environ['PYTHONPATH'] = here if package is None else str(package.resolve())
    rows = {}
    for task in args.task:
        if package is not None and task in STORAGE:
            continue
        sizes = (str(args.samples), str(args.classes))
        rows[task] = measure_in_fresh_process(__file__, task, str(folder), *sizes)
        show(f'{task} { ({k: v for k, v in rows[task].items() if k != "found"}) }')
    return rows


def table(rows: dict[str, dict[str, dict]]) -> Table:
    """A row for each task, before and after."""
    titles = [f'{what}, {when}' for when in rows for what in ('time', 'peak')]
    result = Table('task', *titles)
    for task in next(iter(rows.values())) | rows['after']:
        cells = []
        for found in rows.values():
            row = found.get(task, {})
            failed = row.get('failed', '')
            cells += (
                [failed, '']
                if 'seconds' not in row
                else [f'{row["cpu_seconds"]:.0f} s', f'{row["peak_mib"]:,} MiB']
            )
        result.add_row(TASKS[task].replace('`', ''), *cells)
    return result


def main() -> None:
    """Measure, print a table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, default=OUT)
    parser.add_argument('--samples', type=int, default=SAMPLES)
    parser.add_argument('--classes', type=int, default=CLASSES)
    parser.add_argument(
        '--task', nargs='+', choices=TASKS, default=list(TASKS), metavar='TASK'
    )
    parser.add_argument(
        '--before', type=Path, help='checkout of another revision, to compare with'
    )
    parser.add_argument('--measure', nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        task, folder, *sizes = args.measure
        print(json.dumps(measure(task, Path(folder), *map(int, sizes))))
        return
    with tempfile.TemporaryDirectory() as name:
        if 'report' in args.task:
            generate(Path(name), args.samples, args.classes)
        rows = {}
        if args.before is not None:
            rows['before'] = measure_all(args.before, Path(name), args)
        rows['after'] = measure_all(None, Path(name), args)
    show(table(rows))
    result = dict(
        samples=args.samples,
        classes=args.classes,
        stored_mib=round(4 * args.samples * args.classes / 2**20),
        rows=rows,
        machine=describe_machine(),
    )
    write_json(args.out, result)


if __name__ == '__main__':
    main()
