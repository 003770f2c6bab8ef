"""Which files of the published archives the lists of images name, and as what."""

from collections.abc import Sequence
from pathlib import Path


def by_name(root: Path, lists: Sequence[str], folder: str = '') -> dict[str, str]:
    """Images that lie in one folder of the archive and in class folders of the lists.

    Args:
        root: folder of the lists.
        lists: names of the lists.
        folder: of the images in the archive, with a slash at the end.

    Returns:
        Name in the archive -> path below the root.
    """
    return {folder + path.rpartition('/')[2]: path for path in _listed(root, lists)}


def places_train(root: Path) -> dict[str, str]:
    """Training images of Places365, which are sorted by the first letter there.

    ``data_256/a/arena/hockey/00000001.jpg`` is ``train/arena/hockey/00000001.jpg``.

    Returns:
        Name in the archive -> path below the root.
    """
    listed = _listed(root, ['Places_LT_train.txt', 'Places_LT_val.txt'])
    below = [path.removeprefix('train/') for path in listed]
    return {
        f'data_256/{name[0]}/{name}': path
        for name, path in zip(below, listed, strict=True)
    }


def _listed(root: Path, lists: Sequence[str]) -> list[str]:
    from mmgala.datasets.image_list import read_image_list

    return [path for name in lists for path in read_image_list(root / name)[0]]
