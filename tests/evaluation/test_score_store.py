"""What is stored comes back: exactly, or in half precision within its rounding."""

import numpy as np
import pytest
import torch

from mmgala.evaluation.score_blocks import FirstScores
from mmgala.evaluation.score_store import ScoreStore, bytes_of
from mmgala.names import SCORE_STORAGE

BATCHES = [7, 1, 12, 4]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of 5 rows of 8 classes; three of them stay in memory."""
    monkeypatch.setattr('mmgala.evaluation.score_store.VALUES_PER_SLICE', 40)
    monkeypatch.setattr('mmgala.evaluation.score_store.AUTO_MEMORY', 3 * 160)


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(0)
    return (4 * torch.randn(sum(BATCHES), 8, generator=generator)).softmax(dim=1)


def filled(scores, storage):
    store = ScoreStore(storage)
    for batch in scores.split(BATCHES):
        store.append(batch)
    return store


@pytest.mark.parametrize('storage', ['auto', 'memory', 'file'])
def test_scores_come_back_bit_for_bit_as_often_as_they_are_read(scores, storage):
    store = filled(scores, storage)

    assert store.shape == (24, 8)
    for _ in range(2):
        np.testing.assert_array_equal(store.numpy(), scores.numpy())
    assert [rows for rows, _ in store.parts()] == [
        slice(0, 5), slice(5, 10), slice(10, 15), slice(15, 20), slice(20, 24)
    ]  # fmt: skip


@pytest.mark.parametrize('storage', SCORE_STORAGE)
def test_two_readers_and_a_writer_do_not_disturb_each_other(scores, storage):
    store = ScoreStore(storage)
    store.append(scores[:12])
    first = store.parts()
    begin = next(first)[1].clone()
    store.append(scores[12:])

    second = [part.clone() for _, part in store.parts()]

    torch.testing.assert_close(second[0], begin, rtol=0, atol=0)
    assert sum(map(len, second)) == 24


@pytest.mark.parametrize('storage', ['half', 'half-file'])
def test_half_precision_keeps_the_best_score_and_its_class(scores, storage):
    found = torch.from_numpy(filled(scores, storage).numpy())

    assert torch.equal(found.amax(dim=1), scores.amax(dim=1))
    assert torch.equal(found.argmax(dim=1), scores.argmax(dim=1))
    distance = (scores.log() - scores.amax(dim=1, keepdim=True).log()).abs()
    error = (found.log() - scores.log()).abs()
    assert bool((error <= distance * 2**-11 + 1e-6).all())
    assert float(error.max()) > 1e-5  # it does round


def test_half_precision_keeps_tiny_scores_and_zeros():
    """Half precision itself has nothing between 0 and 6e-8."""
    scores = torch.tensor([[1.0, 1e-12, 2e-30, 0.0]])
    store = ScoreStore('half')
    store.append(scores)

    found = store.numpy()[0]

    assert found[0] == 1
    np.testing.assert_allclose(found[1:3], [1e-12, 2e-30], rtol=0.05)
    assert found[3] == 0


def test_auto_moves_into_a_file_where_the_scores_get_large(scores):
    store = ScoreStore('auto')
    store.append(scores[:15])
    assert store._file is None
    store.append(scores[15:])
    assert store._file is not None
    np.testing.assert_array_equal(store.numpy(), scores.numpy())


@pytest.mark.parametrize('number', [0, 4, 5, 11, 24, 30])
def test_the_first_samples_are_read_alone(scores, number):
    first = FirstScores(filled(scores, 'file'), number)

    assert first.shape == (min(number, 24), 8)
    np.testing.assert_array_equal(first.numpy(), scores[:number].numpy())


@pytest.mark.parametrize('storage', SCORE_STORAGE)
def test_a_store_without_samples_has_no_parts(storage):
    store = ScoreStore(storage)

    assert list(store.parts()) == []
    assert store.numpy().shape == (0, 0)


def test_bytes_of_scores():
    assert bytes_of(24_426, 8_142, 'file') == 795505968
    assert bytes_of(24_426, 8_142, 'half') == 24_426 * (4 + 2 * 8_142)


def test_bad_input_is_refused(scores):
    with pytest.raises(ValueError, match=r"auto, memory.*but got 'disk'"):
        ScoreStore('disk')
    store = filled(scores, 'memory')
    with pytest.raises(ValueError, match=r'scores of 8 classes.*but got 3'):
        store.append(scores[:, :3])
    with pytest.raises(ValueError, match=r'softmax probabilities'):
        ScoreStore('half').append(-scores)
