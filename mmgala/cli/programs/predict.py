"""The work of ``mmgala predict``."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Column, Table

from mmgala.apis.launch import load_config
from mmgala.apis.prediction import Prediction, Predictor, find_model, image_paths
from mmgala.console import result, say
from mmgala.console.consoles import command_console, tracked
from mmgala.utils.files import check_writable, write_text
from mmgala.utils.package_configs import find_config
from mmgala.utils.text import csv_text, visible


def check_args(args: argparse.Namespace) -> None:
    """Check the arguments before the model is loaded."""
    for name in ('top', 'batch_size'):
        value = getattr(args, name)
        if value < 1:
            flag = f'--{name.replace("_", "-")}'
            raise ValueError(f'{flag} must be 1 or more, but is {value}.')
    if args.out is not None:
        if args.out.suffix not in ('.json', '.csv'):
            raise ValueError(f'--out must end in .json or .csv, but is {args.out}.')
        check_writable(args.out)


def model_files(args: argparse.Namespace) -> tuple[Path, Path, list[str]]:
    """Config, checkpoint and images of the command line.

    Raises:
        FileNotFoundError: if the model is missing.
        ValueError: if no images follow.
    """
    if Path(args.model).is_dir():
        return *find_model(Path(args.model)), args.images
    config = Path(find_config(args.model))
    if not config.is_file():
        raise FileNotFoundError(
            f'{args.model}: no such folder or config. Give the folder that `mmgala '
            'start` has written, or CONFIG and CHECKPOINT.'
        )
    checkpoint, *images = args.images
    if not images:
        raise ValueError(
            f'No images follow {args.model} and {checkpoint}: give CONFIG CHECKPOINT '
            'IMAGE, or WORK_DIR IMAGE.'
        )
    return config, Path(checkpoint), images


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    check_args(args)
    config, checkpoint, given = model_files(args)
    paths = image_paths(given)
    predict = Predictor(load_config(str(config)), checkpoint)
    found = tracked(
        predict(paths, args.top, args.batch_size),
        'predicting',
        len(paths),
        command_console(),
    )
    done, failed = [], 0
    for prediction in found:
        if prediction.problem:
            failed += 1
            say(visible(f'{prediction.path} cannot be read: {prediction.problem}.'))
        else:
            done.append(prediction)
    give(done, args)
    if failed:
        sys.exit(1)


def give(predictions: Sequence[Prediction], args: argparse.Namespace) -> None:
    """Print the predictions, or write them to a file."""
    kind = args.out.suffix if args.out else '.json' * args.json + '.csv' * args.csv
    if kind:
        text = as_json(predictions) if kind == '.json' else as_csv(predictions)
        if args.out is None:
            result(text.removesuffix('\n'))
            return
        write_text(args.out, text)
        say(f'Wrote the predictions of {len(predictions)} images to {args.out}.')
    elif len(predictions) == 1:
        result(one_table(predictions[0]))
    elif predictions:
        result(many_table(predictions))


def as_json(predictions: Sequence[Prediction]) -> str:
    """A list with an object for each image."""
    content = [
        dict(
            image=one.path,
            predictions=[
                dict(name=name, confidence=round(score, 6))
                for name, score in zip(one.classes, one.scores, strict=True)
            ],
        )
        for one in predictions
    ]
    return json.dumps(content, indent=1, ensure_ascii=False) + '\n'


def as_csv(predictions: Sequence[Prediction]) -> str:
    """A row for each image: its path, then class and confidence in turn."""
    most = max((len(one.classes) for one in predictions), default=0)
    header = ['image']
    for rank in range(1, most + 1):
        header += [f'class_{rank}', f'confidence_{rank}']
    rows: list[list] = [header]
    for one in predictions:
        row: list = [one.path]
        for name, score in zip(one.classes, one.scores, strict=True):
            row += [name, round(score, 6)]
        rows.append(row)
    return csv_text(rows)


def one_table(one: Prediction) -> Table:
    """The classes of one image below each other."""
    table = Table(visible(one.path), Column('confidence', justify='right'))
    for name, score in zip(one.classes, one.scores, strict=True):
        table.add_row(visible(name), percent(score))
    return table


def many_table(predictions: Sequence[Prediction]) -> Table:
    """A line for each image: the best class, and the second best."""
    confidence = Column('confidence', justify='right')
    table = Table('image', 'class', confidence)
    shown = min(2, len(predictions[0].classes))
    if shown == 2:
        table.add_column('second')
        table.add_column('confidence', justify='right')
    for one in predictions:
        pairs = [*zip(one.classes, one.scores, strict=True)][:shown]
        cells = [c for name, score in pairs for c in (visible(name), percent(score))]
        table.add_row(visible(one.path), *cells)
    return table


def percent(score: float) -> str:
    """A share as a percentage with one digit.

    Examples:
        >>> percent(0.1234)
        '12.3 %'
    """
    return f'{100 * score:.1f} %'
