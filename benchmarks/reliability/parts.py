"""The parts of the campaign, by name."""

from benchmarks.reliability import bad_inputs, kills, load_paths, ranks, signals
from benchmarks.reliability.trials import Part

PARTS: dict[str, Part] = {
    'kills': kills.PART,
    'signals': signals.PART,
    'ranks': ranks.PART,
    'bad_inputs': bad_inputs.PART,
    'load_paths': load_paths.PART,
}
