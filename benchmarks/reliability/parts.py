"""The parts of the campaign, by name."""

from benchmarks.reliability import bad_inputs, load_paths
from benchmarks.reliability.trials import Part

PARTS: dict[str, Part] = {
    'bad_inputs': bad_inputs.PART,
    'load_paths': load_paths.PART,
}
