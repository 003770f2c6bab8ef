"""The configs that come with the package, by name."""

import glob
import os

from mmgala.utils.similar import did_you_mean, similar_path

PREFIX = 'mmgala::'
VARIABLE = 'MMGALA_CONFIGS'  # in configs: _base_ = '{{$MMGALA_CONFIGS:}}/gala/X.py'
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Of an installed package, and of a clone that is only on the path.
FOLDERS = (
    os.path.join(_PACKAGE, '.mim', 'configs'),
    os.path.join(os.path.dirname(_PACKAGE), 'configs'),
)


def config_folder() -> str:
    """Folder of the package's configs."""
    return next(filter(os.path.isdir, FOLDERS), FOLDERS[0])


def set_variable() -> None:
    """Let configs that are read from now on inherit those of the package."""
    os.environ.setdefault(VARIABLE, config_folder())


def find_config(given: str) -> str:
    """Path of a config that a command is to use.

    Args:
        given: path of a file; or the name of a config of the package, such as
            ``gala/resnet14_digits-lt.py``. ``mmgala::`` before the name says that no
            other file is meant.

    Returns:
        The path in the package if there is such a config and no such file; otherwise
        what was given.
    """
    name = given.removeprefix(PREFIX)
    if name == given and os.path.exists(given):
        return given
    path = os.path.join(config_folder(), name.removeprefix('configs/'))
    return path if os.path.isfile(path) else given


def similar_config(given: str) -> str:
    """A sentence, after a space, with the config of the most similar path or name."""
    near = similar_path(given)
    if near.startswith(' Did'):
        return near
    root = config_folder()
    paths = glob.glob('[!_]*/*.py', root_dir=root)
    names = (path.replace(os.sep, '/') for path in paths)
    name = given.removeprefix(PREFIX).removeprefix('configs/')
    return did_you_mean(name, names) or near
