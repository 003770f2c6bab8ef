"""Folders of images that are not what a config says."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.bad_inputs.case import BadInput
from benchmarks.reliability.bad_inputs.damaged_files import NOISE
from benchmarks.reliability.bad_inputs.material import CONFIG

FOLDERS = (
    CONFIG
    + """
pipe = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
model = dict(
    backbone=dict(base_channels=8, stem_channels=8),
    head=dict(in_channels=32, num_classes=CLASSES),
)
data_preprocessor = dict(num_classes=CLASSES)
"""
)
LOADER = """
{split}_dataloader = dict(batch_size=4, num_workers={workers}, dataset=dict(
    _delete_=True, type='CustomDataset', data_root='images/{split}', pipeline=pipe))
"""


def _save(path: Path, size: tuple[int, int] = (32, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _write(folder: Path, classes: int, workers: int) -> None:
    loaders = [
        LOADER.format(split=s, workers=workers) for s in ('train', 'val', 'test')
    ]
    text = FOLDERS.replace('CLASSES', str(classes)) + ''.join(loaders)
    (folder / 'config.py').write_text(text)
    for split in ('train', 'val', 'test'):
        for name in 'abc':
            for number in range(4):
                _save(folder / 'images' / split / name / f'{number}.png')


def _other_size(images: Path) -> None:
    _save(images / 'train' / 'b' / '1.png', (40, 24))


def _content(content: bytes | None) -> Callable[[Path], None]:
    def change(images: Path) -> None:
        path = images / 'train' / 'b' / '1.png'
        path.write_bytes(path.read_bytes()[:99] if content is None else content)

    return change


def _no_images(images: Path) -> None:
    shutil.rmtree(images / 'train')
    (images / 'train').mkdir()


def _unknown_class(images: Path) -> None:
    _save(images / 'val' / 'd' / '1.png')


# Name: change, number of classes in the config, word of the line.
WRONG: dict[str, tuple[Callable[[Path], None], int, str]] = {
    'images of different sizes': (_other_size, 3, 'Resize'),
    'an empty image': (_content(b''), 3, 'b/1.png'),
    'noise as image': (_content(NOISE), 3, 'b/1.png'),
    'half an image': (_content(None), 3, 'b/1.png'),
    'a web page as image': (_content(b'<html></html>'), 3, 'b/1.png'),
    'no folder': (lambda images: shutil.rmtree(images / 'train'), 3, 'images/train'),
    'no images': (_no_images, 3, 'images/train'),
    'more classes than the head': (lambda images: None, 2, 'num_classes'),
    'fewer classes than the head': (lambda images: None, 1000, 'num_classes'),
    'a class that is not trained': (_unknown_class, 3, 'd'),
}


def images() -> Iterator[BadInput]:
    """Yield each wrong folder, with and without data loader workers."""
    for name, (change, classes, word) in WRONG.items():
        for workers in (0, 1):
            yield BadInput(
                'images', f'{name}, {workers} workers', 'train', (), (word,),
                _spoiled(change, classes, workers),
            )  # fmt: skip
    no_labels = ('--cfg-options', 'test_dataloader.dataset.with_label=False')
    for out in ((), ('--out', 'x.npz')):
        yield BadInput(
            'images', f'no labels {" ".join(out)}', 'test', (*out, *no_labels),
            ('test_evaluator=[]',), _spoiled(lambda images: None, 10, 0),
        )  # fmt: skip


def _spoiled(
    change: Callable[[Path], None], classes: int, workers: int
) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        _write(folder, classes, workers)
        change(folder / 'images')

    return spoil
