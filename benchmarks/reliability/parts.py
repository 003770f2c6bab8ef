"""The parts of the campaign, by name."""

from benchmarks.reliability.trials import Part

PARTS: dict[str, Part] = {}
