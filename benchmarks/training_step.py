"""Images per second of whole trainings: this project with GALA, and MMPretrain.

Each training is a process with its own console, hooks, log and data loader. They take
turns of a few steps, in changing order, so that what else the machine does concerns all
of them; a ratio is the median of those within the rounds. ``MMPretrain, again`` is the
same training as ``MMPretrain``: its ratio shows how precise the others are. Nothing is
validated or saved in the measured steps. ``--profile`` adds where the time goes.

On a CPU, the same training is some percent faster or slower in one process than in
another, all the time: ``--starts 5`` averages over that.
"""

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from quiet import quiet_imports

with quiet_imports():
    from rich.table import Table
    from training_sides import NETWORKS, Side, write_data

    from mmgala.console import result as show
    from mmgala.utils.environment import describe_devices, describe_machine
    from mmgala.utils.files import write_json

OUT = Path(__file__).resolve().parent / 'results' / 'training_step.json'
FIRST = 'MMPretrain'
PROFILED_TURNS = dict(cpu=4, cuda=1)


def sides_of(network: str, device: str) -> list[Side]:
    """The trainings of a network that are compared; the first is the reference."""
    sides = [
        Side(network, FIRST, 'MMPretrain', device),
        Side(network, 'mmgala', 'mmgala', device),
        Side(network, f'{FIRST}, again', 'MMPretrain', device),
    ]
    if network == 'resnet32':
        name = 'mmgala, images on the device'
        sides.append(Side(network, name, 'mmgala', device, on_device=True))
    return sides


@contextlib.contextmanager
def started(sides: list[Side], threads: int) -> Iterator[None]:
    """Start the processes of all trainings, and wait for the first step of each."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for network in dict.fromkeys(side.network for side in sides):
            write_data(network, folder / network)
        for number, side in enumerate(sides):
            stack.callback(side.stop)
            side.start(folder / side.network, folder / str(number), threads)
        for side in sides:
            side.answer()
        yield


def rounds(sides: list[Side]) -> Iterator[list[Side]]:
    """The trainings in changing order."""
    while True:
        yield sides
        yield sides[::-1]


def measure(sides: list[Side], end: float) -> None:
    """Let the trainings of one network take turns until a time, but at least twice.

    What its loader workers have loaded in the turns of others, a training uses up in
    steps that are not measured.
    """
    for side in sides:
        side.turn(1, 1)  # warms up
    for number, order in enumerate(rounds(sides)):
        if number > 1 and time.perf_counter() > end:
            return
        for side in order:
            answer = side.turn(side.workers + bool(side.workers), side.steps)
            side.seconds.append(answer['seconds'])
            side.cpu_seconds.append(answer['cpu_seconds'])


def profile(sides: list[Side]) -> None:
    """Where the time of the steps goes, in further turns."""
    for order in islice(rounds(sides), PROFILED_TURNS[sides[0].device]):
        for side in order:
            answer = side.turn(side.workers + 1, side.steps, profiled=True)
            for part, seconds in answer['parts'].items():
                side.parts[part] = side.parts.get(part, 0.0) + seconds


def run(
    networks: list[list[Side]], seconds: float, threads: int, profiled: bool
) -> None:
    """Start the processes once, and let those of each network take turns."""
    end = time.perf_counter() + seconds
    with started(list(chain(*networks)), threads):
        left = end - time.perf_counter()
        show(f'Started after {seconds - left:.0f} s.')
        for number, sides in enumerate(networks, start=1):
            measure(sides, end - left * (1 - number / len(networks)))
            if profiled:
                profile(sides)


def ratios_to(first: list[float], own: list[float]) -> dict[str, float]:
    """Median and quartiles of the ratios of speeds, round by round."""
    ratios = [base / mine for base, mine in zip(first, own, strict=True)]
    low, middle, high = quantiles(ratios, n=4, method='inclusive')
    return dict(ratio=round(middle, 4), low=round(low, 4), high=round(high, 4))


def row_of(side: Side, first: Side) -> dict[str, Any]:
    """Results of a training beside those of the reference."""
    images = side.batch * side.steps
    row: dict[str, Any] = dict(
        network=side.network,
        device=side.device,
        side=side.name,
        batch=side.batch,
        workers=side.workers,
        rounds=len(side.seconds),
        images_per_second=round(images / median(side.seconds), 3),
        **ratios_to(first.seconds, side.seconds),
        cpu_time=ratios_to(first.cpu_seconds, side.cpu_seconds),
    )
    if side.parts:
        steps = side.steps * PROFILED_TURNS[side.device]
        row['milliseconds'] = {
            part: round(1e3 * seconds / steps, 4)
            for part, seconds in side.parts.items()
        }
    return row


def print_rows(rows: list[dict]) -> None:
    table = Table('network', 'training', 'images/s', 'ratio', 'quartiles', 'CPU time')
    for row in rows:
        table.add_row(
            f'{row["network"]}, {row["device"]}, batch {row["batch"]}',
            row['side'],
            f'{row["images_per_second"]:,}',
            f'{row["ratio"]:.3f}',
            f'{row["low"]:.3f} to {row["high"]:.3f}',
            f'{row["cpu_time"]["ratio"]:.3f}',
        )
    show(table)


def print_parts(rows: list[dict]) -> None:
    title = f'{rows[0]["network"]}, milliseconds of a step'
    table = Table(title, *(row['side'] for row in rows))
    for part in dict.fromkeys(part for row in rows for part in row['milliseconds']):
        times = (row['milliseconds'].get(part) for row in rows)
        table.add_row(part, *('' if t is None else f'{t:.3f}' for t in times))
    show(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--networks', nargs='+', choices=NETWORKS, default=[*NETWORKS])
    parser.add_argument(
        '--seconds', type=float, help='to start and measure; default: 600, on a GPU 38'
    )
    parser.add_argument(
        '--starts', type=int, default=1, help='start all processes so many times'
    )
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of each')
    parser.add_argument('--profile', action='store_true', help='times by hook and part')
    parser.add_argument('--out', type=Path, default=OUT)
    args = parser.parse_args()
    seconds = args.seconds or dict(cpu=600.0, cuda=38.0)[args.device]
    networks = [sides_of(name, args.device) for name in args.networks]
    for start in range(1, args.starts + 1):
        last = start == args.starts
        run(networks, seconds / args.starts, args.threads, args.profile and last)
    rows = [row_of(side, sides[0]) for sides in networks for side in sides]
    print_rows(rows)
    for network in args.networks if args.profile else ():
        print_parts([row for row in rows if row['network'] == network])
    machine = describe_machine() | describe_devices()
    machine |= dict(load_average=os.getloadavg(), threads=args.threads)
    machine['starts'] = args.starts
    write_json(args.out, dict(rows=rows, machine=machine))


if __name__ == '__main__':
    main()
