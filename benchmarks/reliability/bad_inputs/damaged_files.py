"""Every file that a tool reads, damaged in every way that fits any file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.reliability.bad_inputs.case import BadInput, as_folder, cut, replaced

NOISE = np.random.default_rng(0).bytes(4096)

Damage = Callable[[str], Callable[[Path], None]]
DAMAGES: dict[str, Damage] = {
    'missing': lambda name: replaced(name, None),
    'empty': lambda name: replaced(name, b''),
    'a folder': as_folder,
    'noise': lambda name: replaced(name, NOISE),
    'half': cut,
    'a web page': lambda name: replaced(name, '<html>404 not found</html>\n'),
    'a zip of nothing': lambda name: replaced(name, b'PK\5\6' + bytes(18)),
}

# Tool, file, and the arguments that make the tool read it.
FILES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    *((tool, 'config.py', ()) for tool in ('train', 'test', 'fit', 'retrain',
                                           'compare', 'export', 'vectors')),
    *((tool, 'weights.pth', ()) for tool in ('test', 'fit', 'retrain', 'export',
                                             'vectors')),
    ('train', 'weights.pth', ('--resume', 'weights.pth')),
    ('train', 'weights.pth', ('--cfg-options', 'load_from=weights.pth')),
    ('compare', 'weights.pth', ('--cfg-options', 'load_from=weights.pth')),
    ('compare', 'methods.py', ('--methods-file', 'methods.py')),
    ('test', 'prior.txt', ('--rebalance', '--target-prior', 'prior.txt')),
    ('fit', 'prior.json', ('--target-prior', 'prior.json', '--tau', '1')),
    ('predictions', 'test.npz', ()),
    ('predictions', 'val.npz', ('--val', 'val.npz')),
    ('predictions', 'counts.npy', ('--class-counts', 'counts.npy')),
    ('predictions', 'counts.json', ('--class-counts', 'counts.json')),
    ('gradients', 'run/gradient_statistics/epoch_1.npz', ()),
    ('report', 'run/gradient_statistics/epoch_1.npz', ()),
    ('report', 'run/predictions.npz', ()),
    ('report', 'run/class_vectors.json', ()),
    ('prepare', 'source.tar.gz', ('--source', 'source.tar.gz')),
    ('prepare', 'source.zip', ('--source', 'source.zip')),
)  # fmt: skip

# A part of a report that is missing is said in the report.
ACCEPTED = {('report', f, 'missing') for t, f, _ in FILES if t == 'report'}


def _made_first(name: str, damage: Damage) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / name
        if not path.exists():
            path.write_text('methods = dict(mine=dict(head=dict(')
        damage(name)(folder)

    return spoil


def damaged_files() -> Iterator[BadInput]:
    """Yield each file of each tool in each kind of damage."""
    for tool, file, arguments in FILES:
        for damage, make in DAMAGES.items():
            if (tool, file, damage) in ACCEPTED:
                continue
            how = ' '.join(arguments[:-1])
            # The remedy may name the folder, the section or the flag.
            words = (Path(file).name, 'model', 'prior', 'gradient_statistics')
            yield BadInput(
                'damaged files', f'{how} {file}: {damage}'.strip(), tool, arguments,
                names=words, spoil=_made_first(file, make),
            )  # fmt: skip
