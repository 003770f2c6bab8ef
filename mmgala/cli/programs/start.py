"""The work of ``mmgala start``: look, plan, and call the other commands."""

import argparse
import os
import shlex
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.table import Column, Table

from mmgala.cli.post_hoc import read_target_prior
from mmgala.cli.programs import start_steps
from mmgala.comparison.methods import find_methods
from mmgala.comparison.processes import available_cores
from mmgala.console import result, say, warn
from mmgala.console.counted import counted
from mmgala.datasets.data_check import alike_names
from mmgala.functional.rebalance import check_target_prior
from mmgala.start.backbones import Backbone, choose_backbone
from mmgala.start.config_text import config_text
from mmgala.start.inspection import Inspection, inspect
from mmgala.start.rules import Settings, choose_settings
from mmgala.start.source import Source, find_images
from mmgala.start.split import Split, check_fractions, split_images
from mmgala.start.state import (
    LOCK,
    Folder,
    check_same_images,
    check_same_start,
    images_csv,
    read_start,
    write_start,
)
from mmgala.start.tables import HEADER, class_rows, size_line
from mmgala.utils.files import check_writable, locked
from mmgala.utils.text import visible
from mmgala.version import __version__

# Options that decide the results, and must stay the same when a start goes on.
OPTIONS = (
    *('val_fraction', 'test_fraction', 'backbone', 'pretrained', 'image_size'),
    *('epochs', 'seed', 'target_prior'),
)
PLAIN = '._- '  # characters of a config's name beside letters and digits


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    methods = check_args(args)
    source = find_images(args.data)
    folder = choose_folder(args)
    options = {name: getattr(args, name) for name in OPTIONS}
    before = read_start(folder)
    if before is not None:
        check_same_start(folder, before, args.data, options)
        check_same_images(folder, source)
        say(f'Going on in {folder.path}, with the settings in {folder.config}.')
        texts = {}
    else:
        texts = prepare(args, source, folder, methods)
    if args.dry_run:
        say('This was a dry run: nothing has been written.')
        return
    with started(folder):
        if before is None:
            write_start(folder, args.data, options, texts)
        start_steps.run_steps(folder, methods, args.seed, args.target_prior)


def prepare(
    args: argparse.Namespace, source: Source, folder: Folder, methods: Sequence[str]
) -> dict[Path, str]:
    """Look at the data, choose and show the settings; return the files to write."""
    if not args.dry_run:
        folder.check_free()
        check_writable(folder.config)
    found = look(source)
    split = split_images(
        found.source.items, args.val_fraction, args.test_fraction, args.seed
    )
    show_data(source, found, split)
    check_prior(args, split.classes)
    backbone, settings = choose(args, split, found)
    show_plan(folder, split, backbone, settings, methods)
    return {
        folder.images: images_csv(source, found),
        folder.split: split.as_csv(),
        folder.config: write_config(args, folder, source, split, backbone, settings),
    }


def started(folder: Folder) -> AbstractContextManager[None]:
    """Keep a second start out of the folder."""
    busy = f'Another `mmgala start` is running in {folder.path}: wait for it.'
    return locked(folder.path / LOCK, busy)


def check_args(args: argparse.Namespace) -> list[str]:
    """Check the arguments before anything is read; return the methods to train.

    Raises:
        ValueError: if one is out of range, or a method is unknown.
    """
    check_fractions(args.val_fraction, args.test_fraction)
    for name, least, most in (('epochs', 1, 10_000), ('image_size', 16, 1024)):
        value = getattr(args, name)
        if value is not None and not least <= value <= most:
            flag = f'--{name.replace("_", "-")}'
            raise ValueError(f'{flag} must be {least} to {most}, but is {value}.')
    if args.seed < 0:
        raise ValueError(f'--seed must be 0 or more, but is {args.seed}.')
    methods = ['gala']
    if args.compare is not None:
        wanted = [name.replace('_', '-') for name in args.compare or ['ce']]
        methods = [*dict.fromkeys([*wanted, 'gala'])]
    find_methods(methods)
    return methods


def choose_folder(args: argparse.Namespace) -> Folder:
    """The folder of the results, and the name of the config."""
    data = Path(os.path.abspath(args.data))
    name = args.name or (data.name if data.is_dir() else data.stem)
    if args.name and Path(args.name).name != args.name:
        raise ValueError(
            f'--name {args.name} is not a name but a path: use --work-dir for that.'
        )
    path = args.work_dir or Path('work_dirs', name)
    if data.is_dir() and Path(os.path.abspath(path)).is_relative_to(data):
        raise ValueError(
            f'The results would be in {path}, among the images of {args.data}: choose '
            'another --work-dir, or call this from another folder.'
        )
    safe = ''.join(c if c.isalnum() or c in PLAIN else '_' for c in name)
    return Folder(path, safe.strip(PLAIN) or 'config')


def look(source: Source) -> Inspection:
    """Look into every image, with a progress bar."""
    with counted('looking at images', len(source.items)) as done:
        return inspect(source, done)


def check_prior(args: argparse.Namespace, classes: Sequence[str]) -> None:
    """Check ``--target-prior`` before anything is written.

    Raises:
        ValueError: if it is not of these classes.
    """
    prior = read_target_prior(args.target_prior, classes)
    if isinstance(prior, list):
        import torch

        values = torch.tensor(prior, dtype=torch.float64)
        check_target_prior(values, len(classes))


def show_data(source: Source, found: Inspection, split: Split) -> None:
    """Print what was found: one table, and a line for each problem."""
    say(f'{source.data}: {source.layout}; {split.origin}.')
    columns = [Column(name, justify='right') for name in HEADER[1:]]
    table = Table(Column(HEADER[0], overflow='fold'), *columns)
    for row in class_rows(source, found, split):
        table.add_row(*map(visible, row))
    result(table)
    say(size_line(found))
    alike = alike_names(split.classes)
    for remark in (*found.source.remarks, *alike, *split.remarks):
        warn(remark)


def choose(
    args: argparse.Namespace, split: Split, found: Inspection
) -> tuple[Backbone, Settings]:
    """Network and settings."""
    import torch

    on_gpu = torch.cuda.is_available()
    if args.device and args.device.startswith('cuda') and not on_gpu:
        raise ValueError(f'--device {args.device}: PyTorch finds no such GPU here.')
    backbone = choose_backbone(args.backbone, args.pretrained, on_gpu)
    settings = choose_settings(
        backbone,
        images=split.counts('train').total(),
        side=found.median_side(),
        on_gpu=on_gpu,
        cores=available_cores(),
        epochs=args.epochs,
        image_size=args.image_size,
    )
    return backbone, settings


def show_plan(
    folder: Folder,
    split: Split,
    backbone: Backbone,
    settings: Settings,
    methods: Sequence[str],
) -> None:
    """Print what will be done, and where the results will be."""
    start = 'pretrained' if backbone.weights else 'trained from scratch'
    reasons = settings.reasons
    rows = [
        ('network', f'{backbone.name}, {start}: {backbone.reason}'),
        ('image size', f'{settings.image_size} pixels: {reasons["image_size"]}'),
        ('batch size', f'{settings.batch_size}: {reasons["batch_size"]}'),
        ('epochs', f'{settings.epochs}: {reasons["epochs"]}'),
        ('methods', ', '.join(methods)),
    ]
    result('\nPlan')
    for name, text in (*rows, *start_steps.results_of(folder, methods)):
        result(wrapped(f'  {name:12}', text))
    result()


def wrapped(start: str, text: str) -> str:
    """A text after its name, in lines of at most 100 columns."""
    space = ' ' * len(start)
    return textwrap.fill(
        text, 100, initial_indent=start, subsequent_indent=space,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def write_config(
    args: argparse.Namespace,
    folder: Folder,
    source: Source,
    split: Split,
    backbone: Backbone,
    settings: Settings,
) -> str:
    """The text of the config."""
    return config_text(
        backbone,
        settings,
        title=args.data.name or str(args.data),
        root=source.root,
        path=Path(os.path.relpath(folder.config)),
        classes=len(split.classes),
        images=split.counts('train').total(),
        seed=args.seed,
        command=f'mmgala start {shlex.quote(str(args.data))}',
        version=__version__,
    )
