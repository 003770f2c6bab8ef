"""A long-tailed data set in LVIS format: collages of Fashion-MNIST items.

A class is a kind of item in one tint. The training split is long-tailed; validation and
test split have equally many images of each class. No item appears in two collages.
"""

import importlib.util
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from mmgala.utils.files import locked, remove_unfinished, replacing
from projects.collage_lvis.annotations import annotate, describe_image
from projects.collage_lvis.items import KINDS, Stock, read_stock
from projects.collage_lvis.overview import draw_overview
from projects.collage_lvis.painting import paint
from projects.collage_lvis.planning import (
    CLASSES,
    REPEAT,
    CollageSettings,
    categories,
    draw_plan,
    training_counts,
)

# Split of Fashion-MNIST that the items of each part come from. Validation is first, so
# that its items do not depend on the size of the training part.
PARTS = {'val': 'train', 'train': 'train', 'test': 'test'}
VERSION = 1  # changes when the same settings give a different data set
SETTINGS = 'settings.json'


def make_collage_set(
    fashion_mnist: Path, out: Path, settings: CollageSettings | None = None
) -> bool:
    """Create ``annotations/lvis_{train,val,test}.json``, the images and an overview.

    The folder gets its final name only when it is complete.

    Args:
        fashion_mnist: folder with the unpacked files of Fashion-MNIST.
        out: folder to create.
        settings: settings of the data set; None for the defaults.

    Returns:
        False if the data set already exists.

    Raises:
        BlockingIOError: if another process is creating the same folder.
        FileExistsError: if ``out`` contains something else.
        FileNotFoundError: if Fashion-MNIST does not exist.
        ImportError: if pycocotools is missing.
        ValueError: if Fashion-MNIST is damaged, or has too few items for the settings.
    """
    if importlib.util.find_spec('pycocotools') is None:
        raise ImportError('Masks require pycocotools: "pip install pycocotools".')
    settings = settings or CollageSettings()
    text = _dump(dict(version=VERSION, **asdict(settings)))
    if is_made(out, text):
        return False
    plan = _plan(settings)
    stocks = {
        split: read_stock(fashion_mnist, split, [settings.seed, 1 + number])
        for number, split in enumerate(('train', 'test'))
    }
    for split, stock in stocks.items():
        parts = [plan[part] for part, source in PARTS.items() if source == split]
        stock.require(_items_needed(parts), split)
    busy = f'Another process is creating {out}: wait until it has finished.'
    with locked(out.with_name(f'.{out.name}.lock'), busy):
        remove_unfinished(out)
        with replacing(out) as folder:
            folder.mkdir()
            _make_parts(folder, plan, stocks, settings)
            draw_overview(folder, folder / 'overview.png')
            (folder / SETTINGS).write_text(text)
    return True


def is_made(out: Path, settings: str) -> bool:
    """Whether the data set already exists, with the same settings.

    Args:
        out: folder of the data set.
        settings: content of its settings file.

    Raises:
        FileExistsError: if the folder contains something else.
    """
    if not out.exists():
        return False
    path = out / SETTINGS
    found = path.read_text() if path.is_file() else None
    if found == settings:
        return True
    content = f'a set with other settings ({found})' if found else 'something else'
    raise FileExistsError(
        f'{out} already contains {content}: remove it, or choose another --out.'
    )


def _plan(settings: CollageSettings) -> dict[str, list[np.ndarray]]:
    """Classes of each collage of each part."""
    balanced = np.full(len(CLASSES), settings.per_class)
    plan = {}
    for number, part in enumerate(PARTS):
        rng = np.random.default_rng([settings.seed, 3, number])
        if part == 'train':
            plan[part] = draw_plan(training_counts(settings), rng, REPEAT)
        else:
            plan[part] = draw_plan(balanced, rng)
    return plan


def _items_needed(parts: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Number of items of each kind in all collages, ``(10,)``."""
    labels = np.concatenate([classes for part in parts for classes in part])
    kinds = np.array([kind for kind, _ in CLASSES])
    return np.bincount(kinds[labels], minlength=len(KINDS))


def _make_parts(
    folder: Path,
    plan: dict[str, list[np.ndarray]],
    stocks: dict[str, Stock],
    settings: CollageSettings,
) -> None:
    """Create images and annotation files, with ids that are unique over all parts."""
    (folder / 'annotations').mkdir()
    console = Console(file=sys.stderr)
    image_ids, annotation_ids = itertools.count(1), itertools.count(1)
    with Progress(
        console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        for number, (part, split) in enumerate(PARTS.items()):
            (folder / part).mkdir()
            rng = np.random.default_rng([settings.seed, 4, number])
            images: list[dict] = []
            annotations: list[dict] = []
            for classes in bar.track(plan[part], description=f'{part} collages'):
                image, marks = _make_collage(
                    folder, part, classes, stocks[split], next(image_ids), rng
                )
                images.append(image)
                annotations += [{**m, 'id': next(annotation_ids)} for m in marks]
            content = dict(
                info=dict(description='collages of Fashion-MNIST items'),
                licenses=[],
                images=images,
                annotations=annotations,
                categories=categories(plan['train']),
            )
            (folder / 'annotations' / f'lvis_{part}.json').write_text(_dump(content))


def _make_collage(
    folder: Path,
    part: str,
    classes: np.ndarray,
    stock: Stock,
    image_id: int,
    rng: np.random.Generator,
) -> tuple[dict, list[dict]]:
    """Paint and save one collage; return its entry and those of its items."""
    kinds, tints = zip(*(CLASSES[label] for label in classes), strict=True)
    sources, greys = zip(*(stock.take(kind) for kind in kinds), strict=True)
    collage, owner = paint(list(zip(greys, tints, strict=True)), rng)
    file_name = f'{part}/{image_id:06d}.png'
    Image.fromarray(collage).save(folder / file_name)
    image = describe_image(image_id, file_name, owner.shape, classes, len(CLASSES))
    return image, annotate(owner, classes, sources, image_id)


def _dump(content: object) -> str:
    return json.dumps(content, separators=(',', ':'), allow_nan=False)
