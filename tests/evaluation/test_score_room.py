"""Scores that do not fit are refused before they are predicted."""

from types import SimpleNamespace

import pytest

from mmgala.evaluation import score_room
from mmgala.evaluation.score_room import check_room

SIZE = (24_426, 8_142)  # 0.80 GB, in half precision 0.40


@pytest.fixture
def room(monkeypatch):
    """Sets the bytes that are left in memory and on the disk."""

    def leave(memory, disk):
        monkeypatch.setattr(score_room, 'available_memory', lambda: memory)
        usage = SimpleNamespace(free=disk)
        monkeypatch.setattr(score_room.shutil, 'disk_usage', lambda folder: usage)

    return leave


@pytest.mark.parametrize(
    ('storages', 'memory', 'disk'),
    [
        (['memory'], 8e8, 0),
        (['half'], 4e8, 0),
        (['file'], 0, 8e8),
        (['auto'], 0, 8e8),
        (['half-file', 'half'], 4e8, 4e8),
        (['memory'], None, 0),
        ([], 0, 0),
    ],
)
def test_enough_room(room, storages, memory, disk):
    room(memory, disk)
    check_room(*SIZE, storages)


@pytest.mark.parametrize(
    ('storages', 'memory', 'disk', 'needed', 'place'),
    [
        (['memory'], 7e8, 9e9, '0.80 GB', 'the memory has 0.70 GB'),
        (['half'], 3e8, 9e9, '0.40 GB', 'the memory has 0.30 GB'),
        (['auto'], 9e9, 7e8, '0.80 GB', 'has 0.70 GB left: set TMPDIR'),
        (['file', 'file'], 9e9, 1e9, '1.59 GB', 'has 1.00 GB left: set TMPDIR'),
    ],
)
def test_too_little_room_is_said_with_numbers(
    room, storages, memory, disk, needed, place
):
    room(memory, disk)
    with pytest.raises(ValueError, match=rf'24,426.*{needed}.*{place}.*recompute'):
        check_room(*SIZE, storages)


def test_small_scores_stay_in_memory(room):
    room(1e9, 0)
    check_room(10_000, 100, ['auto'])
