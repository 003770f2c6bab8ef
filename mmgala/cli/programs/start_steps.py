"""The steps of ``mmgala start``: each is another command, whose line it shows."""

import csv
import shlex
from collections.abc import Sequence
from pathlib import Path

from mmgala.analysis.comparison_folders import read_run_state
from mmgala.analysis.run_files import VECTORS_FILE
from mmgala.cli.commands import compare as compare_command
from mmgala.cli.commands import fit as fit_command
from mmgala.cli.commands import report as report_command
from mmgala.cli.commands import vectors as vectors_command
from mmgala.comparison.plan import folder_name
from mmgala.comparison.runs import CONFIG
from mmgala.console import result, say
from mmgala.start.state import Folder

# Validation images from which a temperature is worth it: on a few that are all
# predicted correctly, it would make every prediction certain.
MIN_TO_CALIBRATE = 100
OWN = 'gala'  # the method whose model is the result


def results_of(folder: Folder, methods: Sequence[str]) -> list[tuple[str, str]]:
    """What will be written, and where."""
    return [
        ('config', str(folder.config)),
        ('parts', f'{folder.split}; {folder.images} lists what was looked at'),
        ('trainings', ', '.join(str(folder.path / folder_name(m)) for m in methods)),
        ('accuracy', str(folder.path / 'results.md')),
        ('model', f'{folder.model}, with its config {folder.model.with_suffix(".py")}'),
        ('report', str(folder.report)),
    ]


def run_steps(
    folder: Folder, methods: Sequence[str], seed: int, target_prior: str | None
) -> None:
    """Train, fit the steps after training, and report; finished steps are kept."""
    aim = [] if target_prior is None else ['--target-prior', target_prior]
    train(folder, methods, seed, aim)
    run = run_folder(folder, OWN, seed)
    fit(folder, run, checkpoint_of(run), aim)
    report(folder, methods, seed, aim)
    show_next(folder, methods, seed, aim)


def show_step(title: str, command: str, words: Sequence[str]) -> None:
    """Say what is done, and the command that does the same."""
    say(f'\n{title}\n$ mmgala {command} {shlex.join(words)}')


def run_folder(folder: Folder, method: str, seed: int) -> Path:
    """Folder of the training of a method."""
    return folder.path / folder_name(method) / f'seed{seed}'


def checkpoint_of(run: Path) -> Path:
    """Weights of a finished training."""
    files = (read_run_state(run) or {}).get('files', [])
    return run / next(name for name in files if name.endswith('.pth'))


def train(
    folder: Folder, methods: Sequence[str], seed: int, aim: Sequence[str]
) -> None:
    """Train and test each method."""
    from mmgala.cli.programs.compare import run

    words = [
        *(str(folder.config), '--methods', *methods, '--seeds', '1'),
        *('--first-seed', str(seed), '--selection', 'best'),
        *('--post-hoc', 'rebalancing', '--work-dir', str(folder.path), *aim),
    ]
    show_step('Train and test', 'compare', words)
    run(compare_command.build_parser().parse_args(words))


def fit(folder: Folder, run_dir: Path, checkpoint: Path, aim: Sequence[str]) -> None:
    """Fit re-balancing, and temperature if there are enough images, on validation."""
    from mmgala.cli.programs.fit import run

    if folder.model.is_file() and _newer(folder.model, checkpoint):
        say(f'The fitted model is in {folder.model} already.')
        return
    words = [
        *(str(run_dir / CONFIG), str(checkpoint), str(folder.model)),
        *('--tau', 'auto', *aim),
    ]
    if validation_images(folder) >= MIN_TO_CALIBRATE:
        words += ['--temperature', 'auto']
    show_step('Fit the steps after training', 'fit', words)
    run(fit_command.build_parser().parse_args(words))


def validation_images(folder: Folder) -> int:
    """Number of images in the validation part."""
    with folder.split.open(encoding='utf-8', newline='') as file:
        return sum(row['split'] == 'val' for row in csv.DictReader(file))


def _newer(path: Path, other: Path) -> bool:
    return path.stat().st_mtime_ns >= other.stat().st_mtime_ns


def vectors(run_dir: Path) -> None:
    """Compare the class weight vectors of a training with its features."""
    from mmgala.cli.programs.vectors import run

    checkpoint, out = checkpoint_of(run_dir), run_dir / VECTORS_FILE
    if out.is_file() and _newer(out, checkpoint):
        return
    words = [str(run_dir / CONFIG), str(checkpoint), '--out', str(out)]
    show_step('Measure the class weight vectors', 'vectors', words)
    run(vectors_command.build_parser().parse_args(words))


def report(
    folder: Folder, methods: Sequence[str], seed: int, aim: Sequence[str]
) -> None:
    """Write the report on all trainings."""
    from mmgala.cli.programs.report import run

    runs = [run_folder(folder, method, seed) for method in methods]
    for one in runs:
        vectors(one)
    words = [
        *(*map(str, runs), '--names', *methods, '--out', str(folder.report)),
        *('--title', folder.name, '--tau', 'auto', *aim, '--images'),
    ]
    show_step('Report', 'report', words)
    run(report_command.build_parser().parse_args(words))


def show_next(
    folder: Folder, methods: Sequence[str], seed: int, aim: Sequence[str]
) -> None:
    """Print the commands that a user may want next."""
    config, model = folder.config, folder.model
    checkpoint = checkpoint_of(run_folder(folder, OWN, seed))
    others = {
        f'a model of {method}': [
            *('fit', str(run_folder(folder, method, seed) / CONFIG)),
            str(checkpoint_of(run_folder(folder, method, seed))),
            *(str(folder.path / f'{folder_name(method)}.pth'), '--tau', 'auto', *aim),
        ]
        for method in methods
        if method != OWN
    }
    work_dir = folder.path / 'further'
    lines = {
        'predict images': ['predict', str(folder.path), 'IMAGE_OR_FOLDER'],
        'export the model': [
            *('export', str(model.with_suffix('.py')), str(model)),
            str(folder.path / 'model.onnx'),
        ],
        'train further': [
            *('train', str(config), '--work-dir', str(work_dir)),
            *('--cfg-options', f'load_from={checkpoint}'),
        ],
        'compare methods': [
            *('compare', str(config), '--work-dir', str(folder.path)),
            *('--selection', 'best', '--methods', 'ce', 'balanced-softmax', 'gala'),
        ],
    }
    lines |= others
    result(f'\nThe report is {folder.report}: open it in a browser.')
    result('What you may want next:')
    for title, words in lines.items():
        result(f'  {title}:\n    mmgala {shlex.join(words)}')
