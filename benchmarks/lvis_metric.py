"""Time and memory of the box AP of LVIS: our metric against the package ``lvis``.

There are 5,000 images with 12 annotated instances and 300 detections each, and the
official number of classes. Three quarters of the detections are of classes that are
annotated in the image or known to be absent, the rest of any class. Both metrics get
the same arrays in a separate process, and imports are not timed. The time of the
original includes the conversion to a list of dictionaries, which it requires.

The package is installed with ``pip install --no-deps lvis==0.5.3``.
"""

import argparse
import importlib
import json
import tempfile
from pathlib import Path

from quiet import quiet_imports

with quiet_imports():
    import numpy as np
    from fresh_process import measure_in_fresh_process, peak_mib, timed
    from rich.table import Table

    from mmgala.console import result as show
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json

MODULES = dict(mmgala='mmgala.detection.lvis.metric', lvis='lvis')
OUT = Path(__file__).resolve().parent / 'results' / 'lvis_metric.json'
IMAGES, CLASSES, PER_IMAGE, DETECTIONS = 5_000, 1_203, 12, 300
HEIGHT, WIDTH = 480, 640


def generate(root: Path, num_images: int) -> None:
    """Write a reproducible ``truth.json`` and ``detections.npz``."""
    rng = np.random.default_rng(0)
    # Classes are long-tailed as in LVIS: a power law of their rank.
    share = 1 / np.arange(1, CLASSES + 1)
    share /= share.sum()
    annotations: list[dict] = []
    images, columns = [], []
    for image in range(1, num_images + 1):
        present = np.unique(rng.choice(CLASSES, 4, p=share))
        labels = rng.choice(present, PER_IMAGE)
        absent = np.setdiff1d(rng.choice(CLASSES, 10), present)
        boxes = random_boxes(rng, PER_IMAGE)
        images.append(
            dict(
                id=image, height=HEIGHT, width=WIDTH, file_name=f'{image}.jpg',
                neg_category_ids=(absent + 1).tolist(),
                not_exhaustive_category_ids=(present[:1] + 1).tolist(),
            )
        )  # fmt: skip
        annotations += [
            dict(
                id=len(annotations) + i, image_id=image, category_id=int(label) + 1,
                bbox=box.tolist(), area=float(box[2] * box[3]), segmentation=[],
            )
            for i, (label, box) in enumerate(zip(labels, boxes, strict=True), start=1)
        ]  # fmt: skip
        columns.append(detect(rng, labels, boxes, np.concatenate([present, absent])))
    names = 'rcf'
    groups = np.searchsorted([CLASSES * 0.28, CLASSES * 0.66], range(CLASSES))
    categories = [
        dict(id=c + 1, name=f'class {c}', frequency=names[2 - group])
        for c, group in enumerate(groups.tolist())
    ]
    content = dict(images=images, annotations=annotations, categories=categories)
    (root / 'truth.json').write_text(json.dumps(content))
    scores, found, corners = (np.stack(c) for c in zip(*columns, strict=True))
    np.savez(root / 'detections.npz', scores=scores, labels=found, corners=corners)


def random_boxes(rng: np.random.Generator, number: int) -> np.ndarray:
    """``(number, 4)``: left, top, width and height."""
    size = np.exp(rng.uniform(np.log(8), np.log([WIDTH, HEIGHT]), (number, 2)))
    corner = rng.random((number, 2)) * ([WIDTH, HEIGHT] - size)
    return np.concatenate([corner, size], axis=1)


def detect(
    rng: np.random.Generator, labels: np.ndarray, boxes: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, labels and corners: one third near instances, the rest anywhere."""
    like = rng.integers(PER_IMAGE, size=DETECTIONS)
    near = rng.random(DETECTIONS) < 1 / 3
    jittered = boxes[like] * rng.uniform(0.9, 1.1, (DETECTIONS, 4))
    found = np.where(near[:, None], jittered, random_boxes(rng, DETECTIONS))
    found[:, 2:] += found[:, :2]
    other = np.where(
        rng.random(DETECTIONS)
        < 0.625,  # with the third near instances, three quarters in total
        rng.choice(known, DETECTIONS),
        rng.integers(CLASSES, size=DETECTIONS),
    )
    scores = rng.random(DETECTIONS) * np.where(near, 1, 0.7)
    labels = np.where(near, labels[like], other)
    return scores.astype(np.float32), labels, found.astype(np.float32)


def run_ours(root: Path) -> dict[str, float]:
    """Metrics of ``mmgala.LVISMetric``, with predictions added image by image."""
    import torch

    from mmgala.detection.lvis.metric import LVISMetric

    arrays = np.load(root / 'detections.npz', allow_pickle=False)
    columns = [torch.from_numpy(arrays[k]) for k in ('corners', 'scores', 'labels')]
    metric = LVISMetric(str(root / 'truth.json'))
    for i, (corners, scores, labels) in enumerate(zip(*columns, strict=True), start=1):
        predicted = dict(bboxes=corners, scores=scores, labels=labels)
        sample = dict(img_id=i, ori_shape=(HEIGHT, WIDTH), pred_instances=predicted)
        metric.process({}, [sample])
    metrics = metric.evaluate(len(columns[0]))
    return {k.removeprefix('lvis/bbox_'): v for k, v in metrics.items()}


def run_original(root: Path) -> dict[str, float]:
    """Metrics of the package ``lvis``, from a list of dictionaries."""
    np.float = float  # type: ignore[attr-defined]  # which the package still uses
    from lvis import LVIS, LVISEval, LVISResults

    arrays = np.load(root / 'detections.npz', allow_pickle=False)
    boxes = arrays['corners'].astype(np.float64)
    boxes[..., 2:] -= boxes[..., :2]
    rows = [
        dict(image_id=image, category_id=label + 1, bbox=box, score=score)
        for image, columns in enumerate(
            zip(boxes, arrays['scores'], arrays['labels'], strict=True), start=1
        )
        for box, score, label in zip(*(c.tolist() for c in columns), strict=True)
    ]
    truth = LVIS(str(root / 'truth.json'))
    evaluation = LVISEval(truth, LVISResults(truth, rows), 'bbox')
    evaluation.run()
    return {name: float(value) for name, value in evaluation.results.items()}


def measure(root: Path, which: str) -> dict:
    """Time, peak memory and metrics of one evaluation, in this process."""
    importlib.import_module(MODULES[which])
    before = peak_mib()
    metrics, cost = timed(run_ours if which == 'mmgala' else run_original, root)
    return dict(**cost, imported_mib=before, metrics=metrics)


def table(rows: dict[str, dict]) -> Table:
    """One row per evaluation."""
    result = Table(
        'evaluation', 'time', 'CPU time', 'memory before', 'peak', 'AP', 'APr'
    )
    for which, row in rows.items():
        if 'failed' in row:
            result.add_row(which, row['failed'])
            continue
        metrics = (f'{row["metrics"][name]:.6f}' for name in ('AP', 'APr'))
        times = (f'{row[key]:.0f} s' for key in ('seconds', 'cpu_seconds'))
        sizes = (f'{row[f"{size}_mib"]} MiB' for size in ('imported', 'peak'))
        result.add_row(which, *times, *sizes, *metrics)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, default=OUT)
    parser.add_argument('--images', type=int, default=IMAGES)
    parser.add_argument('--measure', nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(Path(args.measure[0]), args.measure[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), args.images)
        rows = {
            which: measure_in_fresh_process(__file__, folder, which)
            for which in ('mmgala', 'lvis')
        }
    show(table(rows))
    result = dict(
        images=args.images,
        classes=CLASSES,
        detections_per_image=DETECTIONS,
        instances_per_image=PER_IMAGE,
        rows=rows,
        machine=describe_machine(),
    )
    if not any('failed' in row for row in rows.values()):
        result['largest_difference'] = max(
            abs(value - rows['lvis']['metrics'][name])
            for name, value in rows['mmgala']['metrics'].items()
        )
    write_json(args.out, result)


if __name__ == '__main__':
    main()
