"""Miniatures of ImageNet-LT, Places-LT and iNaturalist 2018 with three classes."""

import json

import cv2
import numpy as np

from mmgala.datasets import ImageNetLT, INaturalist2018, PlacesLT

KINDS = ('ImageNetLT', 'PlacesLT', 'JSON', 'list')
COUNTS = [4, 2, 1]
SPLITS = {
    'train': np.repeat([0, 1, 2], COUNTS).tolist(),
    'val': [0, 1, 2],
    'test': [0, 0, 1, 1, 2, 2],
}


def imagenet_path(split, label, index):
    folder = f'train/n0144076{label}' if split == 'train' else 'val'
    return f'{folder}/{split}_{label}_{index}.JPEG'


def places_path(split, label, index):
    name = ('airfield', 'arena/hockey', 'arena/performance')[label]
    if split == 'test':
        return f'val/{name.replace("/", "-")}/Places365_val_{label}{index}.jpg'
    return f'train/{name}/{split}{index}.jpg'


def inaturalist_path(split, label, index):
    kingdom = ('Plantae', 'Aves', 'Plantae')[label]
    return f'train_val2018/{kingdom}/{label}/{split}{index}.jpg'


def rows(path_of, split):
    return [
        (path_of(split, label, index), label)
        for index, label in enumerate(SPLITS[split])
    ]


def write_images(root, path_of, splits):
    """Images whose grey level encodes their label."""
    for split in splits:
        for path, label in rows(path_of, split):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            grey = np.full((4, 4, 3), 50 * label, dtype=np.uint8)
            assert cv2.imwrite(str(root / path), grey)


def write_lists(root, path_of, names):
    root.mkdir(exist_ok=True)
    for split, name in names.items():
        lines = (f'{path} {label}\n' for path, label in rows(path_of, split))
        (root / name).write_text(''.join(lines))


def write_json(root, path_of, splits, categories=True):
    root.mkdir(exist_ok=True)
    names = ('Bellis perennis', 'Larus canus', 'Rosa canina')
    for split in splits:
        images = rows(path_of, split)
        value = dict(
            images=[
                dict(id=100 + i, file_name=path) for i, (path, _) in enumerate(images)
            ],
            annotations=[
                dict(id=i, image_id=100 + i, category_id=label)
                for i, (_, label) in reversed(list(enumerate(images)))
            ],
            categories=[dict(id=c, name=n) for c, n in enumerate(names)] * categories,
        )
        (root / f'{split}2018.json').write_text(json.dumps(value))


def miniature(root, kind):
    """Write a set of three classes; return its class, splits and arguments."""
    root = root / kind
    if kind == 'ImageNetLT':
        cls, path_of, splits = ImageNetLT, imagenet_path, ('train', 'val', 'test')
        write_lists(root, path_of, {s: f'ImageNet_LT_{s}.txt' for s in splits})
        classes = ['tench', 'goldfish', 'white shark']
    elif kind == 'PlacesLT':
        cls, path_of, splits = PlacesLT, places_path, ('train', 'val', 'test')
        write_lists(root, path_of, {s: f'Places_LT_{s}.txt' for s in splits})
        classes = ['airfield', 'hockey arena', 'stage']
    else:
        cls, path_of, splits = INaturalist2018, inaturalist_path, ('train', 'val')
        if kind == 'JSON':
            write_json(root, path_of, splits)
            classes = ['Bellis perennis', 'Larus canus', 'Rosa canina']
        else:
            write_lists(root, path_of, {s: f'iNaturalist18_{s}.txt' for s in splits})
            classes = ['daisy', 'gull', 'rose']
    write_images(root, path_of, splits)
    kwargs = {} if kind == 'JSON' else dict(classes=classes)
    return cls, splits, dict(data_root=str(root), **kwargs), tuple(classes)
