"""Where rare classes are predicted: on the right objects, others or background."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

import torch
from torchvision.ops import box_convert, box_iou

from mmgala.utils.tables import markdown_table
from projects.collage_lvis.overview import read_part

MIN_SCORE = 0.05
MIN_IOU = 0.5
PLACES = {
    'right': 'the object',
    'f': 'a frequent class',
    'c': 'a common class',
    'r': 'another rare class',
    'none': 'background',
}


def confusions(data: Path, detections: Path, frequency: str = 'r') -> dict[str, list]:
    """Count detections of the classes in a frequency group by the object they lie on.

    Args:
        data: folder of the data set.
        detections: path of ``test.bbox.json``.
        frequency: ``'r'``, ``'c'`` or ``'f'``.

    Returns:
        Number and mean score for each of ``PLACES``. A detection lies on the object of
        highest intersection over union, if that exceeds ``MIN_IOU``, and otherwise on
        background. Detections with scores below ``MIN_SCORE`` are not counted.
    """
    content = read_part(data, 'test')
    group = {c['id']: c['frequency'] for c in content['categories']}
    truth, found = _by_image(content['annotations']), _by_image(
        [
            mark
            for mark in json.loads(detections.read_text())
            if mark['score'] >= MIN_SCORE and group[mark['category_id']] == frequency
        ]
    )  # fmt: skip
    scores: dict[str, list[float]] = {place: [] for place in PLACES}
    for image, marks in found.items():
        overlap = box_iou(_boxes(marks), _boxes(truth[image])).max(dim=1)
        for mark, iou, best in zip(marks, *overlap, strict=True):
            there = truth[image][int(best)]['category_id']
            if iou <= MIN_IOU:
                place = 'none'
            else:
                place = 'right' if there == mark['category_id'] else group[there]
            scores[place].append(mark['score'])
    return {
        place: [len(some), round(mean(some), 3) if some else None]
        for place, some in scores.items()
    }


def _by_image(marks: Sequence[Mapping]) -> dict[int, list[Mapping]]:
    result: dict[int, list[Mapping]] = defaultdict(list)
    for mark in marks:
        result[mark['image_id']].append(mark)
    return result


def _boxes(marks: Sequence[Mapping]) -> torch.Tensor:
    boxes = torch.tensor([mark['bbox'] for mark in marks])
    return box_convert(boxes, 'xywh', 'xyxy')


def markdown(runs: Sequence[Mapping]) -> str:
    """Table of all methods, with means over the seeds."""
    found: dict[tuple[str, str], list[Mapping]] = defaultdict(list)
    for run in runs:
        found[run['detector'], run['method']].append(run['rare_detections'])
    rows = []
    for names, seeds in found.items():
        cells = [', '.join(names)]
        for place in PLACES:
            scores = [s[place][1] for s in seeds if s[place][1] is not None]
            number = mean(s[place][0] for s in seeds)
            cells.append(f'{number:.0f} ({mean(scores):.2f})' if scores else '0')
        rows.append(cells)
    return (
        f'Detections of rare classes on the test part with a score of at least '
        f'{MIN_SCORE}, by what they lie on: number and mean score.\n\n'
        f'{markdown_table(["", *PLACES.values()], rows)}\n'
    )
