"""Time and memory of loading iNaturalist 2018's 437,513 annotations.

The files have the official class counts and paths of the official length, but there are
no images. Samples are stored as in the data set, pickled in one array, or for
comparison as a list of dictionaries, of which every loader worker ends up with a copy,
since reading a Python object writes its reference count.
"""

import argparse
import gc
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from pathlib import Path
from statistics import median
from typing import Any

from quiet import quiet_imports

with quiet_imports():
    from rich.table import Table
    from torch import Generator
    from torch.utils.data import DataLoader

    from mmgala.console import result as show
    from mmgala.datasets import INaturalist2018, official_class_counts
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json

OUT = Path(__file__).resolve().parent / 'results' / 'list_loading.json'
ANN_FILES = {'list': 'iNaturalist18_train.txt', 'JSON': 'train2018.json'}
WORKERS = (2, 4)
ROUNDS = 3
MIB = 2**20


def generate(root: Path) -> None:
    """Write the list and the JSON file, in the same shuffled order."""
    counts = official_class_counts('inaturalist2018')
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    # Order and file names are arbitrary, but reproducible.
    named = sorted(
        (uuid.uuid5(uuid.NAMESPACE_OID, str(i)).hex, i) for i in range(len(labels))
    )
    rows = [
        (f'train_val2018/Actinopterygii/{labels[i]}/{name}.jpg', labels[i])
        for name, i in named
    ]
    with open(root / ANN_FILES['list'], 'w') as file:
        file.writelines(f'{path} {label}\n' for path, label in rows)
    content = dict(
        info=dict(year=2018, version=1),
        images=[
            dict(id=i, file_name=path, width=800, height=600, license=3,
                 rights_holder='Name of a photographer')
            for i, (path, _) in enumerate(rows)
        ],
        categories=[
            dict(id=c, name=f'Genus species {c}', supercategory='Actinopterygii')
            for c in range(len(counts))
        ],
        annotations=[
            dict(id=i, image_id=i, category_id=label)
            for i, (_, label) in enumerate(rows)
        ],
    )  # fmt: skip
    (root / ANN_FILES['JSON']).write_text(json.dumps(content))


def memory(field: str, pid: int | str = 'self', file: str = 'smaps_rollup') -> int:
    """Memory of a process in bytes, summed over fields with a prefix (on Linux)."""
    text = Path(f'/proc/{pid}/{file}').read_text()
    return 1024 * sum(map(int, re.findall(rf'^{field}\w*:\s+(\d+)', text, re.M)))


def grown(dataset: INaturalist2018, num_workers: int) -> list[int]:
    """Private memory that each worker gains by reading all samples once, in bytes."""
    # There may be more workers than cores, as only memory is measured.
    warnings.filterwarnings('ignore', message='This DataLoader will create')
    context = multiprocessing.get_context('fork')
    manager = context.Manager()
    start = manager.dict()

    def note_start(worker: int) -> None:
        start[os.getpid()] = memory('Private_')

    loader: DataLoader = DataLoader(
        dataset,
        batch_size=512,
        shuffle=True,
        generator=Generator().manual_seed(0),
        num_workers=num_workers,
        collate_fn=len,
        worker_init_fn=note_start,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    assert sum(loader) == len(dataset)
    return [memory('Private_', pid) - before for pid, before in start.items()]


def measure(root: Path, form: str, serialize: bool, workers: bool) -> dict:
    """Measure the time and memory of loading in this fresh process."""
    gc.collect()
    before = memory('Rss')
    begin, cpu_begin = time.perf_counter(), time.process_time()
    dataset = INaturalist2018(
        str(root),
        ann_file=ANN_FILES[form],
        check_images=False,
        serialize_data=serialize,
    )
    seconds = time.perf_counter() - begin
    cpu_seconds = time.process_time() - cpu_begin
    result: dict[str, Any] = dict(
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        before=before,
        after=memory('Rss'),
        peak=memory('VmHWM', file='status'),
    )
    begin = time.perf_counter()
    counts = dataset.get_gt_labels().tolist()
    result['label_seconds'] = time.perf_counter() - begin
    assert len(counts) == len(dataset) == 437_513
    if workers:
        result['workers'] = {count: grown(dataset, count) for count in WORKERS}
    return result


def measure_elsewhere(root: Path, form: str, serialize: bool, workers: bool) -> dict:
    """As :func:`measure`, in a fresh process."""
    arguments = [str(root), form, str(int(serialize)), str(int(workers))]
    output = subprocess.run(
        [sys.executable, __file__, '--measure', *arguments],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    return json.loads(output.splitlines()[-1])


def summary(runs: list[dict]) -> dict:
    """Medians in seconds and MiB; workers by number."""
    result: dict = {
        name: round(median(run[name] for run in runs), 3)
        for name in ('seconds', 'cpu_seconds', 'label_seconds')
    }
    for name in ('before', 'after', 'peak'):
        result[f'{name}_mib'] = round(median(run[name] for run in runs) / MIB)
    result['worker_mib'] = {
        number: [round(grown / MIB, 1) for grown in each]
        for number, each in runs[0]['workers'].items()
    }
    return result


def table(rows: dict[str, dict]) -> Table:
    """One row per way of loading."""
    result = Table(
        'annotations, samples stored as', 'load', 'CPU time',
        'resident before', 'after', 'peak',
        *(f'per worker, {number} workers' for number in WORKERS),
    )  # fmt: skip
    for way, row in rows.items():
        workers = (
            f'{min(each):.0f}-{max(each):.0f} MiB'
            for each in row['worker_mib'].values()
        )
        sizes = (f'{row[f"{size}_mib"]} MiB' for size in ('before', 'after', 'peak'))
        times = (f'{row[key]:.1f} s' for key in ('seconds', 'cpu_seconds'))
        result.add_row(way, *times, *sizes, *workers)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, default=OUT)
    parser.add_argument('--measure', nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        root, form, serialize, workers = args.measure
        result = measure(Path(root), form, bool(int(serialize)), bool(int(workers)))
        print(json.dumps(result))
        return
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        for form in ANN_FILES:
            for kept, serialize in (('one array', True), ('dictionaries', False)):
                runs = [
                    measure_elsewhere(Path(folder), form, serialize, workers=i == 0)
                    for i in range(ROUNDS)
                ]
                rows[f'{form}, {kept}'] = summary(runs)
    show(table(rows))
    result = dict(images=437_513, rows=rows, machine=describe_machine())
    write_json(args.out, result)


if __name__ == '__main__':
    main()
