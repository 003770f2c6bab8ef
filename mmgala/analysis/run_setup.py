"""How a run was made: its config and its commands, as text for a report."""

import re
from pathlib import Path

from mmgala.analysis.gradient_files import is_loss_folder
from mmgala.utils.command_record import COMMANDS_FILE
from mmgala.utils.files import read_bytes

MOST_CHARACTERS = 60_000
# Settings that a report must not carry away: access keys, passwords.
SECRET = re.compile(
    r"""(\b\w*(?:api_?key|token|password|passwd|secret|credential)\w*['"]?\s*[=:]\s*)"""
    r"""(?P<quote>['"])(?:(?!(?P=quote)).)*(?P=quote)""",
    re.IGNORECASE,
)
SECRET_IN_ADDRESS = re.compile(r'(\w://[^/\s:@\'"]+:)[^@/\s\'"]+@')


def training_folder(folder: Path) -> Path:
    """The work dir that a folder belongs to: itself, unless it is of one loss."""
    return folder.absolute().parents[1] if is_loss_folder(folder) else folder


def run_config(work_dir: Path) -> Path | None:
    """The config in a work dir, if there is exactly one."""
    found = sorted(work_dir.glob('*.py'))
    return found[0] if len(found) == 1 else None


def read_setup(work_dir: Path) -> dict[str, str] | None:
    """Read the config and the commands of a run; nothing is executed.

    Values of settings such as ``password`` or ``api_key`` are replaced by ``***``.

    Args:
        work_dir: folder of a training, or of a run of a comparison, whose command is in
            the folder of the comparison.

    Returns:
        ``config``: text, shortened to 60,000 characters; ``config_path``; and
        ``commands``: one per line, oldest first. Texts that are unknown are empty. None
        if all are.
    """
    path = run_config(work_dir)
    config = '' if path is None else _read(path)
    if len(config) > MOST_CHARACTERS:
        config = (
            f'{config[:MOST_CHARACTERS]}\n'
            f'# ... and {len(config) - MOST_CHARACTERS:,} more characters in {path}'
        )
    folders = (work_dir, *work_dir.absolute().parents[:2])
    found = [folder / COMMANDS_FILE for folder in folders]
    commands = next((_read(file) for file in found if file.is_file()), '')
    if not config and not commands:
        return None
    return {
        'config': without_secrets(config),
        'config_path': '' if path is None else str(path),
        'commands': without_secrets(commands.strip()),
    }


def without_secrets(text: str) -> str:
    """Replace passwords and access keys by ``***``.

    Examples:
        >>> without_secrets("init_kwargs=dict(api_key='abc', name='x')")
        "init_kwargs=dict(api_key='***', name='x')"
        >>> without_secrets('https://me:abc@example.org/data')
        'https://me:***@example.org/data'
    """
    text = SECRET.sub(r'\g<1>\g<quote>***\g<quote>', text)
    return SECRET_IN_ADDRESS.sub(r'\g<1>***@', text)


def _read(path: Path) -> str:
    return read_bytes(path).decode(errors='replace')
