"""Draw the pictures of docs/method.md.

Trains cross-entropy and GALA on Digits-LT with one seed, which takes minutes on a CPU,
and keeps what the pictures show in benchmarks/results/method_pictures.json. With
--draw, nothing is trained: the pictures are drawn from that file.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from results_table import ROOT, read_result, result_file

from mmgala.analysis import read_gradient_run, read_predictions
from mmgala.functional import gala_loss, rebalance
from mmgala.utils.environment import describe_machine
from mmgala.utils.files import replacing, write_json

NAME = 'method_pictures'
PICTURES = ROOT / 'docs' / 'images'
METHODS = {'cross-entropy': 'cross_entropy', 'GALA': 'gala'}
EPOCHS = 40
CONFIG = """
_base_ = '{root}/configs/{method}/resnet14_digits-lt.py'
randomness = dict(seed=0)
custom_hooks = [
    dict(type='mmgala.ClassCountsHook'), dict(type='mmgala.GradientStatisticsHook')
]
"""
PULL, PUSH, GREY, GREEN = '#0072B2', '#D55E00', '#8c8c8c', '#009E73'
EPS = 1e-3  # of GALA


Result = dict[str, Any]


def run(*arguments: str | Path) -> None:
    """Run a command of mmgala."""
    command = [sys.executable, '-m', 'mmgala', *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT)


def measure(method: str, folder: Path) -> Result:
    """Train and test one method.

    Returns:
        Gradients of each class in each epoch, and shares of the predictions on the test
        set with the accuracy, before and after re-balancing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / 'config.py'
    config.write_text(CONFIG.format(root=ROOT, method=method))
    checkpoint, dump = folder / f'epoch_{EPOCHS}.pth', folder / 'predictions.npz'
    run('train', config, '--work-dir', folder)
    run('test', config, checkpoint, '--out', dump, '--work-dir', folder / 'test')
    records = read_gradient_run(folder)
    predictions = read_predictions(dump)
    return dict(
        counts=records[0].class_counts.tolist(),
        pull=[record.period.pos_grad.round(3).tolist() for record in records],
        push=[record.period.neg_grad.round(3).tolist() for record in records],
        **describe(torch.from_numpy(predictions.scores), predictions.targets),
    )


def describe(scores: torch.Tensor, labels: np.ndarray) -> Result:
    """Shares of the predictions and accuracy in percent, raw and re-balanced."""
    found = {}
    for name, each in {'raw': scores, 're-balanced': rebalance(scores)}.items():
        predicted = each.argmax(dim=1).numpy()
        shares = np.bincount(predicted, minlength=each.shape[1]) / len(labels) * 100
        accuracy = (predicted == labels).mean() * 100
        found[name] = dict(shares=shares.round(2).tolist(), top1=round(accuracy, 2))
    return found


def panels(number: int, width: float) -> tuple[Figure, list[Axes]]:
    """A row of plots with one y axis."""
    figure, axes = plt.subplots(
        1,
        number,
        figsize=(width, 3.4),
        sharey=True,
        layout='constrained',
        squeeze=False,
    )
    for each in axes[0]:
        each.spines[['top', 'right']].set_visible(False)
        each.grid(axis='y', color='#e5e5e5')
        each.set_axisbelow(True)
    return figure, list(axes[0])


def classes_on_x(axes: Axes, counts: list[int]) -> np.ndarray:
    """Label the x axis with the training images of each class; its positions."""
    x = np.arange(len(counts))
    axes.set_xticks(x, [str(count) for count in counts])
    axes.set_xlabel('training images of the class')
    return x


def draw_gradients(data: Result) -> Figure:
    """How strongly each class weight vector is pulled and pushed in the first epoch."""
    figure, axes = panels(2, 7.5)
    for each, (name, found) in zip(axes, data.items(), strict=True):
        x = classes_on_x(each, found['counts'])
        each.bar(
            x - 0.2, found['pull'][0], 0.4, color=PULL, label='pulled by its images'
        )
        each.bar(
            x + 0.2, found['push'][0], 0.4, color=PUSH, label='pushed by the others'
        )
        each.set_yscale('log')
        each.yaxis.set_major_locator(FixedLocator([2, 5, 10, 20, 50]))
        each.yaxis.set_minor_locator(NullLocator())
        each.set_title(f'Epoch 1, {name}')
        each.yaxis.set_major_formatter('{x:g}')
    axes[0].set_ylabel('gradient on the class weight vector')
    axes[1].legend(frameon=False)
    return figure


def draw_margins(data: Result) -> Figure:
    """Margins against the most frequent class, over a training with GALA."""
    counts, pull = data['GALA']['counts'], np.array(data['GALA']['pull'])
    margins = np.log(pull.cumsum(axis=0) + EPS)
    margins -= margins[:, :1]
    figure, (axes,) = panels(1, 6.5)
    epochs = np.arange(1, len(margins) + 1)
    shown = range(1, len(counts), 2)
    for rank, index in enumerate(shown):
        colour = plt.colormaps['viridis'](rank / len(shown))
        axes.plot(epochs, margins[:, index], color=colour)
        axes.plot(
            0.2, np.log(counts[index] / counts[0]), 'o', color=colour, clip_on=False
        )
    ends = spread([margins[-1, index] for index in shown], gap=0.22)
    for index, height in zip(shown, ends, strict=True):
        axes.text(EPOCHS + 0.6, height, f'{counts[index]} images', va='center')
    by_counts = 'from the class counts, as in balanced softmax'
    axes.plot([], [], 'o', color=GREY, label=by_counts)
    axes.legend(frameon=False, loc='lower right')
    axes.set_xlim(0, EPOCHS)
    axes.set_xlabel('epoch')
    axes.set_ylabel(f'margin against the class of {counts[0]}')
    return figure


def spread(heights: list[float], gap: float) -> list[float]:
    """Heights from the largest to the smallest, at least ``gap`` apart."""
    order = np.argsort(heights)[::-1]
    placed = dict.fromkeys(range(len(heights)), 0.0)
    last = np.inf
    for index in order:
        last = placed[int(index)] = min(heights[index], last - gap)
    return list(placed.values())


def draw_loss(data: Result) -> Figure:
    """Loss of one image, by the lead of its class: rare among frequent, and reverse."""
    theta = torch.tensor(
        np.array(data['GALA']['pull'])[0, [0, -1]], dtype=torch.float32
    )
    lead = torch.linspace(-4, 8, 200)
    logits = torch.stack([torch.zeros_like(lead), lead], dim=1)
    rare, frequent = (
        torch.ones(200, dtype=torch.long),
        torch.zeros(200, dtype=torch.long),
    )
    plain = torch.nn.functional.cross_entropy(logits, rare, reduction='none')
    of_rare = gala_loss(logits, rare, theta, theta)
    of_frequent = gala_loss(logits.flip(1), frequent, theta, theta)
    figure, (axes,) = panels(1, 6.5)
    axes.plot(lead, of_rare, color=PUSH, label='image of the rare class, GALA')
    axes.plot(lead, plain, '--', color=GREY, label='any image, cross-entropy')
    axes.plot(lead, of_frequent, color=PULL, label='image of the frequent class, GALA')
    axes.set_xlabel('lead: logit of the right class minus logit of the other')
    axes.set_ylabel('loss')
    axes.set_xlim(-4, 8)
    axes.set_ylim(0, None)
    axes.legend(frameon=False)
    return figure


def draw_rebalancing(data: Result) -> Figure:
    """Shares of the predictions on a balanced test set, raw and re-balanced."""
    figure, axes = panels(2, 7.5)
    for each, (name, found) in zip(axes, data.items(), strict=True):
        x = classes_on_x(each, found['counts'])
        for shift, kind, colour in ((-0.2, 'raw', GREY), (0.2, 're-balanced', GREEN)):
            shares, top1 = found[kind]['shares'], found[kind]['top1']
            label = f'{kind}, {top1:.0f} % correct'
            each.bar(x + shift, shares, 0.4, color=colour, label=label)
        each.axhline(100 / len(x), color='black', linewidth=1)
        each.set_title(name[0].upper() + name[1:])
        each.set_ylim(0, 22)
        each.legend(frameon=False, loc='upper right')
    axes[0].set_ylabel('share of the predictions (%)')
    return figure


DRAWINGS = {
    'gradients': draw_gradients,
    'loss': draw_loss,
    'margins': draw_margins,
    'rebalancing': draw_rebalancing,
}


def draw(data: Result, folder: Path) -> list[Path]:
    """Write all pictures; where they are."""
    plt.rcParams['font.size'] = 11  # also for phones
    plt.rcParams['svg.hashsalt'] = NAME  # equal files for equal data
    paths = []
    for name, drawing in DRAWINGS.items():
        figure = drawing(data)
        paths.append(folder / f'method_{name}.svg')
        with replacing(paths[-1]) as unfinished:
            figure.savefig(unfinished, format='svg', metadata=dict(Date=None))
        plt.close(figure)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--draw', action='store_true', help='train nothing')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs') / NAME)
    args = parser.parse_args()
    if not args.draw:
        work_dir = args.work_dir.resolve()
        methods = {name: measure(key, work_dir / key) for name, key in METHODS.items()}
        machine = describe_machine()
        write_json(result_file(NAME), dict(methods=methods, machine=machine))
    for path in draw(read_result(NAME)['methods'], PICTURES):
        print(path.relative_to(ROOT))


if __name__ == '__main__':
    main()
