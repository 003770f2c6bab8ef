"""A picture of some annotated collages, and a summary as text."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ZOOM = 2
GRID = (3, 4)  # rows, columns
BOX_COLOUR = (255, 255, 0)
GROUPS = {'f': 'frequent', 'c': 'common', 'r': 'rare'}


def draw_overview(root: Path, path: Path, part: str = 'train') -> None:
    """Draw boxes, outlines and names of the annotations on some collages.

    Args:
        root: folder of the data set.
        path: path of the picture.
        part: split to draw.
    """
    content = read_part(root, part)
    names = {category['id']: category['name'] for category in content['categories']}
    marks: dict[int, list[dict]] = {}
    for annotation in content['annotations']:
        marks.setdefault(annotation['image_id'], []).append(annotation)
    rows, columns = GRID
    images = content['images'][: rows * columns]
    side = ZOOM * max(max(image['height'], image['width']) for image in images)
    sheet = Image.new('RGB', (columns * side, rows * side))
    for place, image in enumerate(images):
        drawn = _draw(root / image['file_name'], marks[image['id']], names)
        sheet.paste(drawn, (side * (place % columns), side * (place // columns)))
    sheet.save(path)


def _draw(path: Path, marks: list[dict], names: dict[int, str]) -> Image.Image:
    from pycocotools import mask as mask_utils

    with Image.open(path) as file:
        pixels = np.array(file.convert('RGB'))
    for mark in marks:
        inside = mask_utils.decode(mark['segmentation']).astype(bool)
        padded = np.pad(inside, 1)
        core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2]
        pixels[inside & ~(core & padded[1:-1, 2:])] = 255  # its outline
    height, width = pixels.shape[:2]
    zoomed = Image.fromarray(pixels).resize(
        (ZOOM * width, ZOOM * height), Image.Resampling.NEAREST
    )
    draw = ImageDraw.Draw(zoomed)
    for mark in marks:
        left, top, width, height = (ZOOM * value for value in mark['bbox'])
        right, bottom = left + width - 1, top + height - 1
        draw.rectangle((left, top, right, bottom), outline=BOX_COLOUR)
        name = names[mark['category_id']]
        room = zoomed.width - draw.textlength(name)
        draw.text((min(left + 2, room), max(0, top - 11)), name, BOX_COLOUR)
    return zoomed


def summarise(root: Path) -> str:
    """Describe the size of each split and the classes of each frequency group."""
    lines = []
    for part in ('train', 'val', 'test'):
        content = read_part(root, part)
        lines.append(
            f'{part:>5}: {len(content["images"])} images, '
            f'{len(content["annotations"])} instances'
        )
    for group, name in GROUPS.items():
        members = [c for c in content['categories'] if c['frequency'] == group]
        if not members:
            lines.append(f'{name}: no class')
            continue
        counts = [category['image_count'] for category in members]
        lines.append(
            f'{name}: {len(members)} classes, in {min(counts)} to {max(counts)} '
            'training images'
        )
    return '\n'.join(lines)


def read_part(root: Path, part: str) -> dict:
    """Read the annotation file of a split."""
    return json.loads((root / 'annotations' / f'lvis_{part}.json').read_text())
