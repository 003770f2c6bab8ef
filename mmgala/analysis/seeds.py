"""Which runs are seeds of one method, by their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SEED = re.compile(r'(?:^|[\s,_/.\-(]+)seed[\s_=\-]*(\d+)\)?(?=$|[\s,_/.\-])', re.I)


@dataclass(frozen=True)
class MethodRuns:
    """Runs of one method.

    Attributes:
        name: of the method.
        runs: positions of its runs.
        seeds: seed of each run; 0 if its name has none.
    """

    name: str
    runs: Sequence[int]
    seeds: Sequence[int]


def method_and_seed(name: str) -> tuple[str, int | None]:
    """Split the name of a run.

    Examples:
        >>> method_and_seed('GALA, seed 2'), method_and_seed('ce_seed0')
        (('GALA', 2), ('ce', 0))
        >>> method_and_seed('seedlings')
        ('seedlings', None)
    """
    found = _SEED.search(name)
    if found is None:
        return name, None
    method = name[: found.start()] + name[found.end() :]
    return (method.strip(), int(found[1])) if method.strip() else (name, None)


def group_seeds(names: Sequence[str]) -> list[MethodRuns]:
    """Runs by method: those whose names differ only in ``seed N``.

    Runs of a method whose seeds repeat, or beside a run that has the method's name, are
    methods of their own.

    Args:
        names: different names of runs.

    Examples:
        >>> [(m.name, m.runs) for m in group_seeds(['a, seed 0', 'b', 'a, seed 1'])]
        [('a', (0, 2)), ('b', (1,))]
    """
    found: dict[str, list[tuple[int, int]]] = {}
    split = [method_and_seed(name) for name in names]
    for index, (name, (method, seed)) in enumerate(zip(names, split, strict=True)):
        alone = seed is None or method in names or split.count((method, seed)) > 1
        found.setdefault(name if alone else method, []).append((seed or 0, index))
    return [
        MethodRuns(name, *map(tuple, reversed([*zip(*sorted(runs), strict=True)])))
        for name, runs in found.items()
    ]
