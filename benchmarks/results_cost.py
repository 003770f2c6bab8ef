"""Tables of time and memory."""

from statistics import mean

from results_table import ResultTable, read_result, result_file

LOSSES = {
    'gala': 'GALA',
    'obvious': 'GALA, the formula written out',
    'balanced_softmax': 'balanced softmax',
    'logit_adjustment': 'logit adjustment',
    'vector_scaling': 'vector scaling',
    'ldam': 'LDAM',
    'ldam_reweighted': 'LDAM, re-weighted',
    'class_balanced': 'class-balanced CE',
    'label_aware_smoothing': 'label-aware smoothing',
    'seesaw': 'Seesaw',
    'gcl': 'GCL',
    'equalization': 'EQL',
    'class_balanced_focal': 'class-balanced focal',
}
SHAPES = ([64, 100], [256, 1000], [256, 8142], [512, 8142])


def loss_table() -> ResultTable:
    """Cost of the losses as a multiple of cross-entropy's."""
    eager = [e for e in read_result('loss')['losses'] if e.get('way') != 'compiled']
    measured = {tuple(e['shape']): e for e in eager}
    columns = [measured[tuple(shape)] for shape in SHAPES]
    times = [f'{c["cross_entropy"]["microseconds"]:.0f} us' for c in columns]
    rows = [['`F.cross_entropy`', *times]]
    no_losses = {'shape', 'device', 'way', 'cross_entropy'}
    others = columns[0].keys() - LOSSES.keys() - no_losses
    labels = LOSSES | {key: key.replace('_', ' ') for key in sorted(others)}
    for key, label in labels.items():
        rows.append([label, *(f'{c[key]["ratio"]:.2f}' for c in columns)])
    header = ['logits', *(f'({n}, {classes})' for n, classes in SHAPES)]
    command = 'python benchmarks/loss.py'
    return ResultTable(header, rows, command, [result_file('loss')])


def linear_loss_table() -> ResultTable:
    """Cost of classifier and loss in blocks as a multiple of all logits at once."""
    result = read_result('linear_loss')
    rows = [
        [
            ' x '.join(f'{size:,}' for size in row['shape']),
            f'{row["plain"]["milliseconds"]:,.0f} ms',
            f'{row["blocks"]["ratio"]:.2f}',
            f'{row["small_blocks"]["ratio"]:.2f}',
            '',
            '',
        ]
        for row in result['speed']
    ]
    memory = result['memory']
    beside = [f'{memory[way]["beside_mib"]} MiB' for way in ('plain', 'blocks')]
    sizes = ' x '.join(f'{size:,}' for size in memory['blocks']['shape'])
    rows.append([sizes, '', '', '', *beside])
    header = [
        'samples x features x classes', 'all logits', 'blocks', 'blocks of 4 MiB',
        'memory, all logits', 'memory, blocks',
    ]  # fmt: skip
    command = 'python benchmarks/linear_loss.py'
    return ResultTable(header, rows, command, [result_file('linear_loss')])


def hook_table() -> ResultTable:
    """Cost of ``GradientStatisticsHook``."""

    def added(cost: dict[str, float]) -> str:
        milliseconds = cost['added_microseconds'] / 1000
        return f'{milliseconds:.2f} ms, {cost["percent_of_step"]:.2f} %'

    rows = [
        [
            f'{row["network"]}, {row["batch"]}',
            f'{row["num_classes"]:,}',
            f'{row["step_milliseconds"]:.0f} ms',
            added(row['on']),
            added(row['matrix']),
            f'{row["on"]["step_ratio"]:.3f}',
        ]
        for row in read_result('gradient_hook')['rows']
    ]
    header = [
        'network, batch size', 'classes', 'step without the hook',
        'added by the hook', 'added with `matrix=True`', 'whole step, with / without',
    ]  # fmt: skip
    command = 'python benchmarks/gradient_hook.py'
    return ResultTable(header, rows, command, [result_file('gradient_hook')])


LISTS = {
    'list, one array': 'text list',
    'list, dictionaries': 'text list, kept as Python dictionaries',
    'JSON, one array': 'JSON',
    'JSON, dictionaries': 'JSON, kept as Python dictionaries',
}


def lists_table() -> ResultTable:
    """Time and memory of a large set's annotations."""
    rows = []
    for key, label in LISTS.items():
        row = read_result('list_loading')['rows'][key]
        memory = [value for values in row['worker_mib'].values() for value in values]
        added = row['after_mib'] - row['before_mib']
        rows.append(
            [label, f'{row["seconds"]:.1f}', f'{added} MiB', f'{mean(memory):.1f} MiB']
        )
    header = [
        'annotations', 'seconds to load', 'memory added',
        'private memory of each loader worker after an epoch',
    ]  # fmt: skip
    command = 'python benchmarks/list_loading.py'
    return ResultTable(header, rows, command, [result_file('list_loading')])


def samplers_table() -> ResultTable:
    """Time of the samplers on a large set."""
    rows = [
        [name, f'{row["build_ms"]:.1f} ms', f'{row["epoch_ms"]:.0f} ms']
        for name, row in read_result('samplers')['samplers'].items()
    ]
    header = ['sampler', 'construction', "one epoch's indices"]
    command = 'python benchmarks/samplers.py'
    return ResultTable(header, rows, command, [result_file('samplers')])


def retraining_table() -> ResultTable:
    """Time and memory of re-training a classifier on cached features."""
    rows = [
        [
            name,
            f'{row["cpu_seconds"]:.0f} s',
            f'{row["seconds"]:.0f} s',
            f'{row["peak_mib"] - row["before_mib"]} MiB',
        ]
        for name, row in read_result('retrain_classifier')['rows'].items()
    ]
    header = ['method', 'CPU time', 'wall-clock time', 'memory added']
    command = 'python benchmarks/retrain_classifier.py'
    return ResultTable(header, rows, command, [result_file('retrain_classifier')])


def train_speed_table() -> ResultTable:
    """Images per second of ResNet-32 by precision and memory format."""
    rows = [
        [
            f'{row["precision"]}, {row["memory_format"].replace("_", " ")}',
            f'{row["images_per_second"]:.0f}',
            f'{row["speedup"]:.2f}',
        ]
        for row in read_result('train_speed')['rows']
    ]
    header = ['precision and memory format', 'images per second', 'speed-up']
    command = 'python benchmarks/train_speed.py'
    return ResultTable(header, rows, command, [result_file('train_speed')])


LOADERS = {
    'loader, 1 workers': 'one loader worker',
    'on the device': 'on the device',
    'one batch again and again': 'the same batch every time',
}


def on_device_table() -> ResultTable:
    """Images per second with images and augmentation on the device."""
    result = read_result('on_device_loading')
    rows = [
        [
            f'{what}, {LOADERS.get(how, how)}',
            f'{row["images_per_second"]:,}',
            f'{row["ratio"]:.2f}',
        ]
        for what in ('loading', 'training')
        for how, row in result[what].items()
    ]
    header = ['', 'images per second', 'ratio']
    command = 'python benchmarks/on_device_loading.py'
    return ResultTable(header, rows, command, [result_file('on_device_loading')])


LARGE_TEST = {
    're-balance': 're-balancing over the test set',
    're-balance, half': 'the same, `--score-storage half`',
    'file': 're-balancing and `--out FILE.npz`',
    'tau': 'choosing tau on a validation set',
    'report': '`mmgala report`',
}


def large_test_table() -> ResultTable:
    """Time and memory of testing 8,142 classes, before scores were kept in blocks."""
    measured = read_result('large_test')['rows']
    rows = []
    for key, label in LARGE_TEST.items():
        cells = []
        for when in ('before', 'after'):
            row = measured[when].get(key)
            cells += (
                [f'{row["cpu_seconds"]:.0f} s', f'{row["peak_mib"]:,} MiB']
                if row
                else ['', '']
            )
        rows.append([label, *cells])
    header = ['', 'CPU time before', 'peak before', 'CPU time', 'peak memory']
    command = 'python benchmarks/large_test.py --before CHECKOUT'
    return ResultTable(header, rows, command, [result_file('large_test')])


METRICS = {'mmgala': '`mmgala.LVISMetric`', 'lvis': '`lvis` 0.5.3'}


def lvis_metric_table() -> ResultTable:
    """Time and memory of the LVIS metric and of the original."""
    found = read_result('lvis_metric')['rows']
    rows = [
        [
            label,
            f'{found[key]["cpu_seconds"]:.0f} s',
            f'{found[key]["seconds"]:.0f} s',
            f'{found[key]["peak_mib"] / 1024:.1f} GiB',
        ]
        for key, label in METRICS.items()
    ]
    header = ['', 'CPU time', 'wall-clock time', 'peak memory']
    command = 'python benchmarks/lvis_metric.py'
    return ResultTable(header, rows, command, [result_file('lvis_metric')])
