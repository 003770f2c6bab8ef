"""One checkpoint file from a file and the shares of the classes beside it.

``python -m mmgala.apis.merge_shards epoch_3.pth merged.pth``
"""

import argparse
from pathlib import Path

import torch

from mmgala.sharding.checkpoint import META, OPTIMIZER, SHARED_OUT, load_whole
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.files import replacing
from mmgala.utils.safe_loading import enter_plain_data


def merge_shares(checkpoint: str | Path, out: str | Path) -> None:
    """Write a checkpoint with all classes, for a head without ``shard_classes``.

    The optimizer's state of the shares is left out: the result is for testing,
    deployment, and a new training that starts from it.

    Args:
        checkpoint: file that has a folder ``.shards`` beside it.
        out: file to write.

    Raises:
        FileNotFoundError: if the file or the folder is missing.
        ValueError: if the checkpoint has no shares.
    """
    content = read_checkpoint(checkpoint)
    shares = content.get('meta', {}).pop(META, None)
    if shares is None:
        raise ValueError(
            f'{checkpoint} has no shares: it has all classes already, and any head can '
            'load it.'
        )
    whole = load_whole(Path(checkpoint).parent / shares['folder'])
    content['state_dict'] = {
        name: value
        for name, value in content['state_dict'].items()
        if not name.endswith(SHARED_OUT)
    } | {n: value for n, value in whole.items() if not n.startswith(OPTIMIZER)}
    content.pop('optimizer', None)
    with replacing(out) as unfinished:
        torch.save(content, unfinished)


def build_parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', type=Path, help='file with a folder .shards')
    parser.add_argument('out', type=Path, help='file to write')
    return parser


def main() -> None:
    """Read the arguments and merge."""
    args = build_parser().parse_args()
    enter_plain_data()
    merge_shares(args.checkpoint, args.out)


if __name__ == '__main__':
    main()
