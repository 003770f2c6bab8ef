"""Train a recipe on an invalid data set."""

import shutil

from tests.small_recipes import ONE_RESIDUAL_STAGE, epochs, small_images
from tests.tools.command_line import assert_one_line
from tests.tools.recipes import changes_for, logs, shipped, train


def linked(source, target):
    """A data set with its own annotations and the images of another."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_dir():
            (target / path.name).symlink_to(path)
        else:
            shutil.copy(path, target)
    return target


def start(name, miniatures, root, tmp_path, *arguments, **changes):
    """Train a recipe for one epoch per stage; return its error or ``None``."""
    changes = {**ONE_RESIDUAL_STAGE, **epochs(1, 1), **small_images(), **changes}
    small = changes_for(name, miniatures, **changes)
    roots = [
        f'{split}_dataloader.dataset.data_root={root}'
        for split in ('train', 'val', 'test')
    ]
    return train(shipped(name), tmp_path / 'work', *small, *roots, *arguments)


def assert_refused(end, message, tmp_path):
    """Assert that the message matches and no step was trained."""
    assert_one_line(end, message)
    assert not list((tmp_path / 'work').rglob('*.pth'))
    for folder in (tmp_path / 'work' / 'stage1', tmp_path / 'work'):
        assert 'Epoch(train)' not in logs(folder)
