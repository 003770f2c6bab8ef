"""Plots of the detectors' metrics, and pictures of their detections."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from mmgala.visualization.axes import COLOURS, panels, save_figure
from projects.collage_lvis.overview import read_part
from projects.collage_lvis.result_tables import methods_of, values_of

GROUPS = {'AP': 'all', 'APr': 'rare', 'APc': 'common', 'APf': 'frequent'}
HATCHES = ('', '///', '...')
MIN_SCORE = 0.3  # of the detections drawn
NUM_IMAGES = 4
BOX_COLOURS = {'r': COLOURS[2], 'c': COLOURS[4], 'f': COLOURS[0]}


def draw_groups(runs: Sequence[Mapping], path: Path) -> None:
    """Plot the mean over seeds as bars, and each seed as a dot."""
    detectors = list(dict.fromkeys(run['detector'] for run in runs))
    figure, used = panels(detectors, (5.5, 4))
    # Each method looks the same in all panels; all usual losses share one colour.
    others = [name for d in detectors for name in methods_of(runs, d)[1:]]
    looks = dict(zip(dict.fromkeys(others), _looks(), strict=False))
    for axes, detector in zip(used, detectors, strict=True):
        methods = methods_of(runs, detector)
        width = 0.8 / len(methods)
        for number, method in enumerate(methods):
            places = np.arange(len(GROUPS)) + (number + 0.5) * width - 0.4
            values = [values_of(runs, detector, method, 'test', g) for g in GROUPS]
            means = [float(np.mean(some)) if some else 0.0 for some in values]
            look = looks.get(method, dict(color=COLOURS[0]))
            axes.bar(places, means, 0.9 * width, label=method, **look)
            for place, some in zip(places, values, strict=True):
                axes.plot([place] * len(some), some, 'k.', markersize=4)
        axes.set_xticks(range(len(GROUPS)), list(GROUPS.values()))
        axes.set_xlabel('classes')
        axes.legend(fontsize=8, ncols=2, loc='upper center')
    used[0].set_ylim(0, 1.5 * used[0].get_ylim()[1])  # room for the legends
    used[0].set_ylabel('box AP on the test part, percent')
    save_figure(figure, path)


def _looks() -> Iterator[dict[str, Any]]:
    """Keywords of bars that differ: colours, and then the same with hatches."""
    for hatch in HATCHES:
        for colour in COLOURS[1:]:
            yield dict(color=colour, hatch=hatch, edgecolor='white')


def draw_detections(data: Path, folders: Mapping[str, Path], path: Path) -> None:
    """Draw annotations and each model's detections on test images with rare classes.

    Args:
        data: folder of the data set.
        folders: folders of models with ``test.bbox.json``, by title.
        path: path of the picture.
    """
    content = read_part(data, 'test')
    categories = {category['id']: category for category in content['categories']}
    images = _with_rare(content, categories)
    sources = {'annotated': content['annotations']}
    for title, folder in folders.items():
        found = json.loads((folder / 'test.bbox.json').read_text())
        sources[title] = [mark for mark in found if mark['score'] >= MIN_SCORE]
    size = (2.4 * len(images), 2.6 * len(sources))
    figure = Figure(figsize=size, layout='constrained')
    grid = figure.subplots(len(sources), len(images), squeeze=False)
    for row, (title, marks) in zip(grid, sources.items(), strict=True):
        row[0].set_ylabel(title, fontsize=8)
        for axes, image in zip(row, images, strict=True):
            with Image.open(data / image['file_name']) as file:
                axes.imshow(file)
            mine = [mark for mark in marks if mark['image_id'] == image['id']]
            _draw_boxes(axes, mine, categories)
    save_figure(
        figure,
        path,
        f'Scores >= {MIN_SCORE}; rare classes orange, common green, frequent blue',
    )


def _with_rare(content: Mapping, categories: Mapping[int, Mapping]) -> list[Mapping]:
    """The first images, preferably with a rare class each."""
    rare = {
        mark['image_id']
        for mark in content['annotations']
        if categories[mark['category_id']]['frequency'] == 'r'
    }
    images = sorted(content['images'], key=lambda image: image['id'] not in rare)
    return images[:NUM_IMAGES]


def _draw_boxes(
    axes: Axes, marks: Sequence[Mapping], categories: Mapping[int, Mapping]
) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for mark in marks:
        left, top, width, height = mark['bbox']
        category = categories[mark['category_id']]
        colour = BOX_COLOURS[category['frequency']]
        axes.add_patch(Rectangle((left, top), width, height, fill=False, color=colour))
        score = f' {100 * mark["score"]:.0f}' if 'score' in mark else ''
        axes.text(
            left,
            top - 1,
            f'{category["name"]}{score}',
            color='white',
            fontsize=6,
            va='bottom',
            bbox=dict(facecolor=colour, linewidth=0, pad=0.6),
        )
