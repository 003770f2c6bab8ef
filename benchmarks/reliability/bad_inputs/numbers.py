"""Files of numbers that NumPy or JSON read, with a content that makes no sense."""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.bad_inputs.case import BadInput, replaced

Arrays = dict[str, np.ndarray]


def npy_header(shape: tuple[int, ...]) -> bytes:
    """An array file that claims a shape and has 16 bytes of data."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    text = header.ljust(117).encode() + b'\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text + bytes(16)


TERABYTES = npy_header((10**12, 10))


def changed(
    name: str, change: Callable[[Arrays], dict[str, Any]]
) -> Callable[[Path], None]:
    """A function that changes the arrays of an archive, some of them to plain bytes."""

    def spoil(folder: Path) -> None:
        with np.load(folder / name) as stored:
            arrays = dict(stored)
        with zipfile.ZipFile(folder / name, 'w') as archive:
            for key, value in change(arrays).items():
                if not isinstance(value, bytes):
                    buffer = io.BytesIO()
                    np.save(buffer, value, allow_pickle=True)
                    value = buffer.getvalue()
                archive.writestr(f'{key}.npy', value)

    return spoil


def _with(key: str, value: Any) -> Callable[[Arrays], dict[str, Any]]:
    def change(arrays: Arrays) -> dict[str, Any]:
        new = value(arrays[key]) if callable(value) else value
        return {**arrays, key: new}

    return change


def _without(key: str) -> Callable[[Arrays], dict[str, Any]]:
    return lambda arrays: {k: v for k, v in arrays.items() if k != key}


def _everywhere(number: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.full(array.shape, number)


OBJECTS = np.array([{}], dtype=object)

# Wrong values of any array.
WRONG: dict[str, Any] = {
    'claims terabytes': TERABYTES,
    'no npy': b'not an array',
    'empty': b'',
    'objects': OBJECTS,
    'strings': np.array(['x'] * 10),
    'NaN': _everywhere(np.nan),
    'a number': np.array(3.0),
    'no elements': np.zeros((0,)),
    'more axes': lambda array: np.stack([array, array]),
    'negative': _everywhere(-1),
}

# File, its arrays, the tools that read it, and their arguments.
ARCHIVES: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ('test.npz', ('pred_score', 'gt_label', 'class_counts'), 'predictions', ()),
    ('run/predictions.npz', ('pred_score',), 'report', ()),
    (
        'run/gradient_statistics/epoch_1.npz',
        ('pos_grad', 'samples', 'matrix', 'class_counts'),
        'gradients',
        (),
    ),
)

DEEP, LONG = '[' * 100_000, '1' * 400

VECTORS: dict[str, str] = {
    'deep.json': DEEP,
    'long.json': f'[{LONG}]',
    'dict.json': '{"a": 1}',
    'words.json': '["a", "b"]',
    'nested.json': '[[1, 2], [3]]',
    'nan.json': '[NaN, 1, 1, 1, 1, 1, 1, 1, 1, 1]',
    'negative.json': '[-1, 1, 1, 1, 1, 1, 1, 1, 1, 1]',
    'zeros.json': '[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]',
    'short.json': '[0.5, 0.5]',
    'infinite.txt': 'inf\n' * 10,
    'words.txt': 'a\nb\n',
    'table.txt': '1 2 3\n4 5 6\n',
    'bytes.txt': '\ufeff1\n2\n',
}


def _json(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / 'run' / 'class_vectors.json'
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return spoil


CLASS_VECTORS: dict[str, Callable[[Path], None]] = {
    'deep': replaced('run/class_vectors.json', DEEP),
    'long integer': replaced('run/class_vectors.json', f'{{"classes": {LONG}}}'),
    'a list': _json(lambda c: [1]),
    'no classes': _json(lambda c: {**c, 'classes': []}),
    'classes a number': _json(lambda c: {**c, 'classes': 3}),
    'classes of numbers': _json(lambda c: {**c, 'classes': [1] * 10}),
    'counts NaN': _json(
        lambda c: {**c, 'classes': [{**e, 'count': np.nan} for e in c['classes']]}
    ),
    'counts of words': _json(
        lambda c: {**c, 'classes': [{**e, 'count': 'x'} for e in c['classes']]}
    ),
    'norms of words': _json(lambda c: {**c, 'norm': ['x'] * 10}),
    'thresholds a word': _json(lambda c: {**c, 'limits': 'x'}),
}


def numbers() -> Iterator[BadInput]:
    """Yield each wrong array, vector and JSON file."""
    for file, arrays, tool, arguments in ARCHIVES:
        for array in arrays:
            changes = {k: _with(array, v) for k, v in WRONG.items()}
            for name, change in {**changes, 'missing': _without(array)}.items():
                yield BadInput(
                    'numbers', f'{file} {array}: {name}', tool, arguments,
                    (Path(file).name, array, 'training samples'), changed(file, change),
                )  # fmt: skip
    for file, text in VECTORS.items():
        spoil, flag = replaced(file, text), '--class-counts'
        yield BadInput('numbers', f'{flag} {file}', 'predictions', (flag, file),
                       ('class', 'count', file), spoil)  # fmt: skip
        flags = ('--rebalance', '--target-prior', file)
        yield BadInput(
            'numbers', f'--target-prior {file}', 'test', flags, ('prior', file), spoil
        )
    for name, spoil in CLASS_VECTORS.items():
        yield BadInput('numbers', f'class_vectors.json: {name}', 'report', (),
                       ('class_vectors.json',), spoil)  # fmt: skip
