"""The command ``mmgala``: it calls the command that its first argument names."""

# First: it handles Ctrl-C, and makes child processes refuse unsafe files.
import mmgala.cli.command  # noqa: F401

# isort: split
import importlib
import sys
from difflib import get_close_matches

from mmgala.version import __version__

# Each is a module of mmgala.cli.commands, and a line of `mmgala --help`.
COMMANDS = {
    'start': 'from a folder of images to a trained model, in one command',
    'train': 'train a model from a config',
    'test': 'test a model, with optional post-hoc steps',
    'predict': 'predict the classes of images',
    'compare': 'train and compare methods on one config',
    'fit': 'fit a re-balancer or other post-hoc steps, and store them in a checkpoint',
    'retrain': 'train or adjust only the classifier of a trained model',
    'export': 'export a classifier to ONNX or torch.export',
    'merge': 'write one file from a checkpoint with classes shared out among ranks',
    'prepare': 'download, convert and verify a data set',
    'report': 'write an interactive report on trainings, for the browser',
    'predictions': 'analyse saved predictions, raw and re-balanced',
    'gradients': 'compare the gradients of several trainings',
    'vectors': 'compare class weight vectors with the features of a data set',
    'completion': 'print a script by which a shell completes commands and paths',
    'doctor': 'print what works here, and what to install for the rest',
}
USAGE = 'usage: mmgala COMMAND [ARGUMENT ...]'
LAST_LINES = (
    '`mmgala COMMAND --help` describes the arguments of a command.\n'
    '`mmgala --version` prints the version.'
)


def help_text() -> str:
    """What ``mmgala --help`` prints: one line for each command."""
    width = max(map(len, COMMANDS))
    lines = [f'  {name:{width}}  {text}' for name, text in COMMANDS.items()]
    commands = '\n'.join(lines)
    return (
        f'{USAGE}\n\nGALA and other methods for long-tailed data, on OpenMMLab configs.'
        f'\n\ncommands:\n{commands}\n\n{LAST_LINES}'
    )


def main() -> None:
    """Run the command on the command line of this process."""
    name, *arguments = sys.argv[1:] or ['--help']
    if name in ('-h', '--help', 'help'):
        print(help_text())
    elif name == '--version':
        print(f'mmgala {__version__}')
    elif name in COMMANDS:
        # argparse takes the name of the program from here, up to the last slash.
        sys.argv = [f'mmgala {name}', *arguments]
        importlib.import_module(f'mmgala.cli.commands.{name}').main()
    else:
        sys.exit(unknown(name))


def unknown(name: str) -> str:
    """Message about a command that does not exist."""
    known = ', '.join(COMMANDS)
    similar = get_close_matches(name, COMMANDS, n=1)
    hint = f'Did you mean {similar[0]!r}?' if similar else f'Choose one of {known}.'
    return f'error: mmgala has no command {name!r}. {hint}'
