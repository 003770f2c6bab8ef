"""Image folders whose classes are recognisable, for tests of class lists."""

import numpy as np
from mmpretrain.datasets import CustomDataset
from PIL import Image


def write_folders(root, counts):
    """Write grey images into a folder per class.

    The grey level is the number in the class name times 20, plus the image's index.
    """
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        number = int(''.join(filter(str.isdigit, name)) or 0)
        for index in range(count):
            grey = np.full((8, 8, 3), 20 * number + index, dtype=np.uint8)
            Image.fromarray(grey).save(root / name / f'{index}.png')
    return str(root)


def folder_set(root, counts, **options):
    """MMPretrain's data set of class folders."""
    return CustomDataset(data_root=write_folders(root, counts), **options)


def names_by_file(dataset, classes):
    """Name of the class of each sample by its label, next to that of its folder."""
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    folders = [info['img_path'].split('/')[-2] for info in infos]
    return folders, [classes[info['gt_label']] for info in infos]
