"""Miniatures of the data sets of image files, in the published layouts."""

import json
from dataclasses import replace

from mmgala.preparation import find_data_set
from tests.preparation.archives import checksum, tar

COUNTS = [5, 3, 1]  # training images of each class


def official(monkeypatch):
    """Make ``COUNTS`` the official counts of the data sets with folders."""
    from mmgala.datasets import class_counts

    monkeypatch.setattr(class_counts, 'official_class_counts', lambda name: COUNTS)


def publish_list(server, monkeypatch, entry, published):
    """Serve lists of images, ``{name: lines}``; return the entry's parts for them."""
    known = {part.target: part for part in entry.parts}
    parts = []
    for name, lines in published.items():
        text = '\n'.join(lines).encode() + b'\n'
        files = known[name].files and {name: checksum('sha256', text)}
        parts.append(replace(known[name], url=server.serve(name, text), files=files))
    return parts


def archive_part(server, entry, target, content):
    """The entry's part for a file or folder, made from an archive with this content."""
    (part,) = (part for part in entry.parts if part.target == target)
    url = server.serve(part.source, content)
    # Parts without a public URL get none; tests read them from `server.files`.
    url = part.url and url
    return replace(
        part,
        url=url,
        size=len(content),
        unpacked_size=4 * len(content),
        checksum=checksum('md5', content),
    )


def image(path):
    return f'image {path}'.encode()


def places_lt(name, server, monkeypatch):
    official(monkeypatch)
    entry = find_data_set(name)
    scenes = ['airfield', 'arena/hockey', 'zen_garden']
    train_images, train, val, test = {}, [], [], []
    for label, (scene, count) in enumerate(zip(scenes, COUNTS, strict=True)):
        for number in range(1, count + 20 + 8):
            file = f'{scene}/{number:08d}.jpg'
            train_images[f'data_256/{scene[0]}/{file}'] = image(f'train/{file}')
            line = f'train/{file} {label}'
            if number <= count:
                train.append(line)
            elif number <= count + 20:
                val.append(line)
        folder = scene.replace('/', '-')
        first = 100 * label + 1
        test += [
            f'val/{folder}/Places365_val_{number:08d}.jpg {label}'
            for number in range(first, first + 100)
        ]
    val_images = {}
    for line in reversed(test):
        path = line.split()[0]
        val_images[f'val_256/{path.rpartition("/")[2]}'] = image(path)
    texts = {
        'Places_LT_train.txt': train,
        'Places_LT_val.txt': val,
        'Places_LT_test.txt': test,
    }
    folders = {'data_256': None, 'data_256/a': None, 'data_256/a/airfield': None}
    return replace(
        entry,
        parts=[
            *publish_list(server, monkeypatch, entry, texts),
            archive_part(server, entry, 'train', tar({**folders, **train_images})),
            archive_part(server, entry, 'val', tar({'val_256': None, **val_images})),
        ],
    )


def imagenet_lt(name, server, monkeypatch):
    official(monkeypatch)
    entry = find_data_set(name)
    wnids = ['n01440764', 'n01443537', 'n15075141']
    inner, val_images, train, val, test = {}, {}, [], [], []
    for label, (wnid, count) in enumerate(zip(wnids, COUNTS, strict=True)):
        files = [f'{wnid}_{number}.JPEG' for number in range(count + 20 + 8)]
        inner[f'{wnid}.tar'] = tar(
            {file: image(f'train/{wnid}/{file}') for file in files}
        )
        lines = [f'train/{wnid}/{file} {label}' for file in files]
        train += lines[:count]
        val += lines[count : count + 20]
        for number in range(label + 1, 151, 3):
            file = f'ILSVRC2012_val_{number:08d}.JPEG'
            test.append(f'val/{wnid}/{file} {label}')
            val_images[file] = image(f'val/{wnid}/{file}')
    texts = {
        'ImageNet_LT_train.txt': train,
        'ImageNet_LT_val.txt': val,
        'ImageNet_LT_test.txt': test,
    }
    return replace(
        entry,
        parts=[
            *publish_list(server, monkeypatch, entry, texts),
            archive_part(server, entry, 'train', tar(inner)),
            archive_part(server, entry, 'val', tar(val_images)),
        ],
    )


def inaturalist(name, server, monkeypatch):
    official(monkeypatch)
    entry = find_data_set(name)
    archives, images = {}, {}
    for split, counts in (('train', COUNTS), ('val', [3, 3, 3])):
        table, annotations = [], []
        for label, count in enumerate(counts):
            for number in range(count):
                path = f'train_val2018/Plantae/{label}/{split}{number}.jpg'
                images[path] = image(path)
                index = len(table)
                table.append({'id': index, 'file_name': path})
                annotations.append({'image_id': index, 'category_id': label})
        names = [{'id': label, 'name': f'species {label}'} for label in range(3)]
        content = {'images': table, 'annotations': annotations, 'categories': names}
        file = f'{split}2018.json'
        archives[file] = tar({file: json.dumps(content).encode()}, packed=True)
    archives['train_val2018'] = tar({'train_val2018': None, **images}, packed=True)
    return replace(
        entry,
        parts=[
            archive_part(server, entry, target, content)
            for target, content in archives.items()
        ],
    )
