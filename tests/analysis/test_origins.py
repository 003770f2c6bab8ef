"""Files that are not of the checkpoint beside them are named."""

import numpy as np
import pytest
import torch

from mmgala.analysis import read_predictions, read_run
from mmgala.analysis.gradient_files import SUMS, read_record, write_record
from mmgala.analysis.origins import origin_warnings
from mmgala.evaluation.score_dump import ORIGIN_KEY
from mmgala.utils.checkpoint_origin import Origin, weights_digest
from tests.analysis.gradient_records import make_record
from tests.evaluation.predictions import biased_scores


def weights(seed):
    generator = torch.Generator().manual_seed(seed)
    return {'fc.weight': torch.randn(6, 4, generator=generator)}


def save(folder, name, seed, epoch=3):
    torch.save({'state_dict': weights(seed), 'meta': dict(epoch=epoch)}, folder / name)


def origin(name, seed):
    return Origin.of(name, {'state_dict': weights(seed)})


def predictions(folder, of):
    scores, targets = biased_scores(60, 6)
    np.savez(
        folder / 'predictions.npz', pred_score=scores, gt_label=targets,
        class_counts=np.array([200, 150, 40, 30, 9, 3]),
        **{ORIGIN_KEY: np.array([of.checkpoint, of.weights])},
    )  # fmt: skip


def test_the_digest_is_of_names_and_values():
    assert weights_digest(weights(0)) == weights_digest(weights(0))
    half = {'fc.weight': weights(0)['fc.weight'].half()}
    others = [weights(1), {'fc.w': weights(0)['fc.weight']}, half, {}]
    assert len({weights_digest(w) for w in [weights(0), *others]}) == 5
    scalar = {'steps': torch.tensor(3), 'flag': torch.tensor(True)}
    assert weights_digest(scalar) != weights_digest(
        {**scalar, 'steps': torch.tensor(4)}
    )


def test_files_of_the_checkpoint_beside_them_are_fine(tmp_path):
    save(tmp_path, 'epoch_3.pth', 0)
    files = {tmp_path / name: origin('epoch_3.pth', 0) for name in ('a', 'b')}

    assert origin_warnings(tmp_path, files) == []


def test_files_of_checkpoints_that_are_elsewhere_are_not_judged(tmp_path):
    files = {tmp_path / 'a': origin('one.pth', 0), tmp_path / 'b': origin('x.pth', 1)}

    assert origin_warnings(tmp_path, files) == []


def test_predictions_of_an_earlier_training_are_named(tmp_path):
    save(tmp_path, 'epoch_3.pth', 1)
    predictions(tmp_path, origin('epoch_3.pth', 0))

    (line,) = read_run(tmp_path, 'run').warnings

    assert 'predictions.npz was made from an earlier epoch_3.pth' in line
    assert read_predictions(tmp_path / 'predictions.npz').origin == origin(
        'epoch_3.pth', 0
    )


def test_files_of_two_checkpoints_are_named(tmp_path):
    for seed, name in enumerate(('epoch_2.pth', 'epoch_3.pth')):
        save(tmp_path, name, seed)
    files = {
        tmp_path / 'p.npz': origin('epoch_2.pth', 0),
        tmp_path / 'v.json': origin('epoch_3.pth', 1),
    }

    (line,) = origin_warnings(tmp_path, files)

    assert 'p.npz is of epoch_2.pth, and' in line
    assert 'v.json of epoch_3.pth' in line


@pytest.mark.parametrize(('epoch', 'said'), [(3, False), (5, True)])
def test_gradient_statistics_that_end_elsewhere_are_named(tmp_path, epoch, said):
    save(tmp_path, 'last.pth', 0, epoch)
    record = make_record(3)
    assert (record.unit, record.number) == ('epoch', 3)

    lines = origin_warnings(tmp_path, {tmp_path / 'a': origin('last.pth', 0)}, record)

    assert len(lines) == said
    assert not said or 'end with epoch 3, but last.pth is of epoch 5' in lines[0]


def state_of(record):
    """What the hook saves in a checkpoint at the end of the record's period."""
    sums = [np.ravel(getattr(record.total, name)) for name in SUMS]
    return dict(finished=torch.from_numpy(np.concatenate(sums)))


SAME, OTHER = make_record(3, seed=0), make_record(3, seed=9)


@pytest.mark.parametrize(
    ('parts', 'said'),
    [
        (dict(message_hub={}, gradient_statistics=state_of(SAME)), False),
        (dict(message_hub={}, gradient_statistics=state_of(OTHER)), True),
        (dict(message_hub={}), True),  # trained again, without the hook
        (dict(), False),  # only weights
        (dict(gradient_statistics=dict(a=state_of(OTHER), b=state_of(SAME))), False),
        (dict(gradient_statistics=dict(a=state_of(OTHER))), True),
    ],
    ids=['same', 'other', 'none', 'weights', 'one of two losses', 'other losses'],
)
def test_gradient_statistics_of_another_training_are_named(tmp_path, parts, said):
    checkpoint = {'state_dict': weights(0), 'meta': dict(epoch=3), **parts}
    torch.save(checkpoint, tmp_path / 'epoch_3.pth')
    files = {tmp_path / 'a': origin('epoch_3.pth', 0)}
    written = read_record(write_record(SAME, tmp_path / 'gradient_statistics'))

    lines = origin_warnings(tmp_path, files, written)

    assert len(lines) == said
    assert not said or 'of another training than epoch_3.pth' in lines[0]
