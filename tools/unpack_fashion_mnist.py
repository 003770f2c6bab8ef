"""Unpack Fashion-MNIST from Debian's package to where the configs look for it.

    apt-get install dataset-fashion-mnist
    python tools/unpack_fashion_mnist.py

With a network, MMPretrain downloads the same files by itself on first use.
"""

import argparse
import gzip
import hashlib
import os
import zlib
from pathlib import Path

from mmgala.engine.launch import one_line_errors

DEBIAN = '/usr/share/datasets/fashion-mnist'

# SHA-256 of the unpacked files.
FILES = {
    'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f8388776'
    '8d799fd8a3f3276145d20f83aa44d888',
    'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec29'
    '4ff4f6a2e1246121d8633921760443d9',
    't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe0'
    '87ea10ca49f1dbef5c9a5cd8815ce37b',
    't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494'
    'c5af83dab82d92729df917d7dec38c34',
}


def unpack(source: Path, destination: Path) -> None:
    """Unpack and verify all four files; each appears whole or not at all.

    Args:
        source: folder with the ``.gz`` files.
        destination: folder to write to.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is not the published one.
    """
    for name, checksum in FILES.items():
        packed = source / f'{name}.gz'
        if not packed.is_file():
            raise FileNotFoundError(
                f'{packed} does not exist. Install it with "apt-get install '
                'dataset-fashion-mnist", or name the folder with --source.'
            )
        data = _gunzip(packed)
        if hashlib.sha256(data).hexdigest() != checksum:
            raise ValueError(f'{packed} is not the published file (wrong checksum).')
        destination.mkdir(parents=True, exist_ok=True)
        partial = destination / f'{name}.partial'
        partial.write_bytes(data)
        os.replace(partial, destination / name)
        print(f'{destination / name}: {len(data):,} bytes')


def _gunzip(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f'{path} is damaged ({error}).') from error


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--source', default=DEBIAN, help='folder with the .gz files')
    parser.add_argument('--root', default='data/fashion_mnist', help='where to write')
    args = parser.parse_args()
    with one_line_errors():
        unpack(Path(args.source), Path(args.root))


if __name__ == '__main__':
    main()
