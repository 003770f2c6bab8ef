"""PlanktonSet 1.0 as NumPy files, from class folders of JPEG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmgala.preparation.archives import read_files
from mmgala.preparation.data_set import DataSet, Part, Split, published_checksums
from mmgala.preparation.images import (
    CLASS_NAME_FILE,
    ImageTable,
    as_square,
    decode,
    write_class_names,
)

IMAGE_SIDE = 64  # side of the created images in pixels
MAX_SIDE = 1024  # pixels; the longest side is 428
MAX_JPEG = 1 << 20  # bytes; the largest file takes 25 kB
NUM_IMAGES = 30_336
IMAGES_FILE, LABELS_FILE, IMAGE_NAME_FILE = 'images.npy', 'labels.npy', 'names.txt'

# Only of files without pixels, as JPEG decoders may differ by one grey level.
SHA256 = {
    LABELS_FILE: '2017db179ba0c7f433a3cc179d987fb609b2ff50fbccbf0374b4b823edf56a0c',
    IMAGE_NAME_FILE: 'd71f30c08cb006eea2d2defe14dc946531ea999064e960668cfc96c44797ef5d',
    CLASS_NAME_FILE: '83aadc0b5866e08e481f2574045857217dcfda5fb70feb4a5f1fe233178efb69',
}
BY_HAND = (
    'PlanktonSet 1.0 has to be downloaded by hand: it is the training set (train.zip) '
    'of the National Data Science Bowl, which requires an account. Download it, and '
    'pass the archive or the unpacked folder with --source; see docs/plankton.md.'
)


def plankton() -> DataSet:
    """Describe how to prepare PlanktonSet 1.0."""
    names = (IMAGES_FILE, LABELS_FILE, IMAGE_NAME_FILE, CLASS_NAME_FILE)
    part = Part(
        target='.',
        source='train.zip',
        url=None,
        size=46_000_000,
        packing='images',
        unpacked_size=NUM_IMAGES * (IMAGE_SIDE**2 + 8 + 40),
        files=published_checksums(SHA256, names),
        convert=convert_plankton,
    )
    return DataSet(
        name='plankton',
        root='data/plankton',
        home='https://www.kaggle.com/c/datasciencebowl',
        parts=[part],
        splits=[_split(split, names) for split in ('train', 'val', 'test')],
        by_hand=BY_HAND,
    )


# Imported late in functions, as `mmgala.datasets` takes seconds.
def official_counts() -> Mapping[str, int]:
    """Number of images of each class in all splits, by class name in label order."""
    from mmgala.datasets.class_counts import plankton_class_counts

    return plankton_class_counts()


def _split(split: str, needs: Sequence[str]) -> Split:
    def class_counts() -> list[int]:
        from mmgala.datasets.plankton import HELD_OUT_PERCENT, held_out_counts

        counts = []
        for count in official_counts().values():
            held_out = held_out_counts(count, HELD_OUT_PERCENT)
            held_out['train'] = count - sum(held_out.values())
            counts.append(held_out[split])
        return counts

    def read(root: Path) -> tuple[Sequence[str], np.ndarray]:
        from mmgala.datasets import PlanktonSet

        return (), PlanktonSet(str(root), split).get_gt_labels()

    return Split(split, read, class_counts, needs)


def convert_plankton(source: Path, folder: Path) -> None:
    """Write images, labels and names, class by class in the order of the file names.

    Args:
        source: archive or folder that contains ``<class>/*.jpg`` at any depth. Other
            files are ignored.
        folder: folder to write to.

    Raises:
        ValueError: if the source is damaged, unsafe or incomplete.
    """
    counts = official_counts()
    classes = list(counts)
    table = ImageTable(
        f'images in {source}', list(counts.values()), (IMAGE_SIDE, IMAGE_SIDE)
    )

    def limit(path: str) -> int | None:
        *folders, name = path.split('/')
        is_image = name.lower().endswith(('.jpg', '.jpeg'))
        return MAX_JPEG if is_image and folders and folders[-1] in counts else None

    for path, content in read_files(source, limit):
        class_name, name = path.split('/')[-2:]
        image = decode(f'{path} in {source}', content, 'JPEG', ['RGB', 'L'], MAX_SIDE)
        table.add(classes.index(class_name), name, as_square(image, IMAGE_SIDE))
    keys = table.save(folder / IMAGES_FILE, folder / LABELS_FILE)
    names = ''.join(f'{classes[label]}/{name}\n' for label, name in keys)
    (folder / IMAGE_NAME_FILE).write_text(names, encoding='utf-8')
    write_class_names(folder, classes)
