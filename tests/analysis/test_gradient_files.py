"""Files of gradient statistics: round trip, order, and errors for bad files."""

import errno
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from mmgala.analysis import (
    FOLDER,
    SUMS,
    check_same_classes,
    read_gradient_run,
    read_record,
    record_paths,
    write_record,
)
from mmgala.functional import ShotThresholds
from tests.analysis.gradient_records import COUNTS, NAMES, make_record, write_run


def test_a_record_survives_writing(tmp_path):
    record = make_record(7, names=('ü', 'b c', '</script>', 'd', 'e', 'f'))
    path = write_record(record, tmp_path / 'new')
    assert path == tmp_path / 'new' / 'epoch_7.npz'
    found = read_record(path)
    for name in ('unit', 'number', 'class_names', 'thresholds'):
        assert getattr(found, name) == getattr(record, name)
    np.testing.assert_array_equal(found.class_counts, COUNTS)
    np.testing.assert_array_equal(found.matrix_bins, record.matrix_bins)
    for sums in ('period', 'total'):
        for name in SUMS:
            np.testing.assert_allclose(
                getattr(getattr(found, sums), name),
                getattr(getattr(record, sums), name),
                rtol=1e-7,
            )


def test_documented_keys_are_written_without_pickle(tmp_path):
    path = write_record(make_record(), tmp_path)
    with np.load(path, allow_pickle=False) as file:
        shapes = {key: file[key].shape for key in file}
    sums = dict(
        pos_grad=(6,),
        neg_grad=(6,),
        given_grad=(6,),
        samples=(6,),
        sources=(3, 6),
        matrix=(6, 6),
    )
    assert shapes == dict(
        unit=(),
        number=(),
        class_names=(6,),
        class_counts=(6,),
        limits=(2,),
        matrix_bins=(6,),
        **sums,
        **{f'total_{key}': shape for key, shape in sums.items()},
    )


@pytest.mark.slow
def test_file_for_iNaturalist_is_small(tmp_path):
    counts = np.random.default_rng(0).integers(2, 1000, 8142)
    record = make_record(names=map(str, range(8142)), counts=counts)
    without = dict(matrix=np.zeros((0, 0)))
    record = replace(
        record,
        period=replace(record.period, **without),
        total=replace(record.total, **without),
    )
    assert write_record(record, tmp_path).stat().st_size < 600_000


def test_files_are_sorted_in_training_order(tmp_path):
    for number in (10, 9, 100):
        write_record(make_record(number), tmp_path / 'gradient_statistics')
    (tmp_path / 'gradient_statistics' / 'notes.npz').write_bytes(b'')
    assert [r.number for r in read_gradient_run(tmp_path)] == [9, 10, 100]
    assert [p.name for p in record_paths(tmp_path)][0] == 'epoch_9.npz'


def test_a_full_disk_leaves_no_partial_file(tmp_path, monkeypatch):
    old = write_record(make_record(1), tmp_path).read_bytes()

    def full(file, **arrays):
        file.write_bytes(b'half')
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(np, 'savez_compressed', full)
    with pytest.raises(OSError, match='No space left'):
        write_record(make_record(1, seed=5), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['epoch_1.npz']
    assert (tmp_path / 'epoch_1.npz').read_bytes() == old


@pytest.mark.parametrize('part', [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path, part):
    path = write_record(make_record(), tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=r'epoch_1\.npz cannot be read .*truncated'):
        read_record(path)


def test_a_damaged_member_is_named(tmp_path):
    path = write_record(make_record(), tmp_path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo('matrix.npy').header_offset + 60
    content[start : start + 20] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'epoch_1\.npz cannot be read'):
        read_record(path)


def test_pickled_arrays_are_refused(tmp_path):
    path = tmp_path / 'epoch_1.npz'
    np.savez(path, unit=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r'epoch_1\.npz cannot be read'):
        read_record(path)


def test_unrelated_npz_is_refused(tmp_path):
    path = tmp_path / 'epoch_1.npz'
    np.savez(path, pred_score=np.zeros(3))
    with pytest.raises(ValueError, match='GradientStatisticsHook, but it lacks'):
        read_record(path)


def test_a_single_array_is_refused(tmp_path):
    path = tmp_path / 'epoch_1.npz'
    with open(path, 'wb') as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r'epoch_1\.npz cannot be read'):
        read_record(path)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('class_counts', np.ones(5)),
        ('class_names', np.array(['a', 'b'])),
        ('total_sources', np.ones((2, 6))),
        ('matrix', np.ones((6, 5))),
        ('pos_grad', np.full(6, np.nan)),
        ('total_neg_grad', np.full(6, np.inf)),
        ('samples', np.full(6, -1.0)),
        ('matrix', np.array([['x']])),
        ('class_counts', np.full(6, np.nan)),
        ('limits', np.ones(3)),
    ],
)
def test_inconsistent_arrays_are_refused(tmp_path, name, value):
    path = write_record(make_record(), tmp_path)
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, name: value})
    with pytest.raises(ValueError, match=r'epoch_1\.npz are damaged: .*Delete'):
        read_record(path)


def test_corrupted_bytes_raise_only_value_errors(tmp_path):
    path = write_record(make_record(), tmp_path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    messages = []
    for _ in range(400):
        changed = bytearray(content)
        changed[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            read_record(path)
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 200  # other bytes are not read, e.g. timestamps
    assert all('epoch_1.npz' in message for message in messages)


def test_missing_work_dir_and_missing_statistics(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'Work dir .*nowhere does not exist'):
        read_gradient_run(tmp_path / 'nowhere')
    with pytest.raises(
        FileNotFoundError, match=r'no gradient statistics.*custom_hooks'
    ):
        read_gradient_run(tmp_path)


def test_files_of_two_trainings_in_one_folder_are_refused(tmp_path):
    write_run(tmp_path, 2)
    folder = tmp_path / 'gradient_statistics'
    write_record(make_record(30, unit='iter'), folder)
    with pytest.raises(ValueError, match='counts epochs, .* iterations: .*Move'):
        read_gradient_run(tmp_path)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(names=NAMES[:5], counts=COUNTS[:5]),
            r'classes \(6 and 5',
        ),
        (dict(names=(*NAMES[:5], 'gnu')), 'A and B have different classes'),
        (dict(counts=COUNTS + (0, 0, 9, 0, 0, 0)), r"60 and 69 samples of class 'cat'"),
        (
            dict(thresholds=ShotThresholds(300, 10)),
            r'many > 100, few < 20 and many > 300, few < 10',
        ),
    ],
)
def test_runs_with_different_classes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_same_classes(make_record(), make_record(**changes), 'A', 'B')
    check_same_classes(make_record(), make_record(seed=9), 'A', 'B')


def test_one_of_several_losses_must_be_named(tmp_path):
    folder = tmp_path / FOLDER / 'b'
    write_record(make_record(), folder)
    write_record(make_record(), tmp_path / FOLDER / 'a')
    with pytest.raises(
        ValueError, match=r'of several losses: choose one.*statistics/a'
    ):
        read_gradient_run(tmp_path)
    assert [record.number for record in read_gradient_run(folder)] == [1]
    (tmp_path / FOLDER / 'c').mkdir()
    with pytest.raises(FileNotFoundError, match='has no gradient statistics'):
        read_gradient_run(tmp_path / FOLDER / 'c')
