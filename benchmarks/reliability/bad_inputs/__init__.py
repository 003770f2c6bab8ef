"""Bad inputs to every tool: each must end in one clear line and a status of 1."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.reliability.bad_inputs.case import BadInput
from benchmarks.reliability.bad_inputs.checkpoints import checkpoints
from benchmarks.reliability.bad_inputs.configs import configs
from benchmarks.reliability.bad_inputs.damaged_files import damaged_files
from benchmarks.reliability.bad_inputs.flags import flags
from benchmarks.reliability.bad_inputs.images import images
from benchmarks.reliability.bad_inputs.material import Material
from benchmarks.reliability.bad_inputs.numbers import numbers
from benchmarks.reliability.bad_inputs.options import options
from benchmarks.reliability.trials import Part, Trial

EVERY = 20  # one trial in so many starts Python, as users do


def bad_inputs() -> Iterable[BadInput]:
    """Yield all bad inputs."""
    for plan in (flags, options, configs, damaged_files, checkpoints, numbers, images):
        yield from plan()


def plan(folder: Path) -> list[Trial]:
    """The trials; their material is made when the first one runs."""
    material = Material(folder / 'good')
    trials, of_group = [], Counter[str]()
    for bad in bad_inputs():
        of_group[bad.group] += 1
        trials.append(bad.trial(material, of_group[bad.group] % EVERY == 0))
    return trials


PART = Part('bad inputs to every tool', plan)
