"""Files and folders that systems and programs leave among images."""

from pathlib import PurePath

FILES = ('thumbs.db', 'desktop.ini')
FOLDERS = ('__macosx', '__pycache__', '@eadir')


def is_clutter(name: str) -> bool:
    """Whether a file or folder is hidden or not the user's, by its name.

    Examples:
        >>> [is_clutter(n) for n in ('._1.png', '.DS_Store', 'Thumbs.db', '1.png')]
        [True, True, True, False]
    """
    return name.startswith('.') or name.lower() in (*FILES, *FOLDERS)


def may_have_clutter(text: str) -> bool:
    """Whether :func:`find_clutter` may find something in paths, one per line."""
    if '/.' in text or '\n.' in text:
        return True
    text = text.lower()
    return any(name in text for name in (*FILES, *FOLDERS))


def find_clutter(path: str) -> str | None:
    """The hidden file or checkpoint folder in a path of an image, if any.

    Other hidden folders may be where a user keeps images.

    Examples:
        >>> find_clutter('rose/._1.png')
        '._1.png'
        >>> find_clutter('.cache/rose/1.png')
    """
    parts = PurePath(path).parts
    known = (*FOLDERS, '.ipynb_checkpoints')
    folders = (part for part in parts[:-1] if part.lower() in known)
    return next(folders, parts[-1] if parts and is_clutter(parts[-1]) else None)
