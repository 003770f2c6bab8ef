"""Reports from work dirs: parts are combined and checked; hints for missing parts."""

import json

import numpy as np
import pytest

from mmgala.analysis import ClassGradients, GradientRecord, write_record
from mmgala.analysis.gradient_files import read_gradient_run
from mmgala.analysis.gradient_summary import describe_gradients
from mmgala.analysis.prediction_files import read_predictions
from mmgala.analysis.predictions import analyse_predictions
from mmgala.analysis.run_report import merge_runs, read_run
from mmgala.functional import ShotThresholds
from mmgala.visualization.html_report import write_html_report
from tests.evaluation.predictions import biased_scores

COUNTS = [200, 150, 40, 30, 9, 3]
NAMES = ['cat', 'dog', 'ewe', 'gnu', 'yak', 'Äsche']
LIMITS = {'many': 100, 'few': 20}


def add_gradients(folder, counts=COUNTS, names=NAMES):
    size = len(counts)
    sums = ClassGradients(
        *np.random.default_rng(0).uniform(1, 2, (4, size)),
        sources=np.ones((3, size)),
        matrix=np.zeros((0, 0)),
    )
    for number in (1, 2):
        record = GradientRecord(
            'epoch', number, tuple(names), np.array(counts), ShotThresholds(),
            np.arange(size), sums, sums,
        )  # fmt: skip
        write_record(record, folder / 'gradient_statistics')


def add_predictions(folder, **extra):
    folder.mkdir(parents=True, exist_ok=True)
    scores, targets = biased_scores(120, 6)
    np.savez(folder / 'predictions.npz', pred_score=scores, gt_label=targets, **extra)


def add_vectors(folder, counts=COUNTS, names=NAMES, limits=LIMITS):
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        'split': 'test',
        'num_samples': 60,
        **{k: [0.5] * len(counts) for k in ('own_similarity', 'other_similarity')},
        'norm': [1.0] * len(counts),
        'bias': None,
        'groups': {},
        'classes': [
            {'name': n, 'count': c, 'group': 'few'}
            for n, c in zip(names, counts, strict=True)
        ],
        'limits': limits,
    }
    (folder / 'class_vectors.json').write_text(json.dumps(content))
    return content


@pytest.fixture
def full(tmp_path):
    """A work dir with all three parts; the predictions lack training counts."""
    folder = tmp_path / 'ce'
    add_gradients(folder)
    add_predictions(folder)
    add_vectors(folder)
    return folder


def test_parts_equal_the_results_of_their_functions(full):
    run = read_run(full, 'CE', tau=1.3)
    assert run.gradients == describe_gradients(read_gradient_run(full))
    dump = read_predictions(full / 'predictions.npz').with_counts(COUNTS)
    assert run.predictions == analyse_predictions(dump, 1.3)
    assert run.vectors['own_similarity'] == [0.5] * 6
    assert not {'classes', 'limits'} & {*run.vectors}
    assert (run.class_counts, run.class_names) == (COUNTS, NAMES)
    assert run.missing == {}


def test_merged_report_has_classes_and_runs_and_can_be_written_as_html(full, tmp_path):
    add_predictions(tmp_path / 'gala', class_counts=np.array(COUNTS))
    runs = [read_run(tmp_path / 'gala', 'GALA'), read_run(full, 'CE')]
    report = merge_runs(runs, 'Both')
    assert (report['title'], report['limits']) == ('Both', LIMITS)
    groups = ['many', 'many', 'medium', 'medium', 'few', 'few']
    assert report['classes'] == [
        {'name': n, 'count': c, 'group': g}
        for n, c, g in zip(NAMES, COUNTS, groups, strict=True)
    ]
    assert [run['name'] for run in report['runs']] == ['GALA', 'CE']
    assert report['runs'][0]['gradients'] is report['runs'][0]['vectors'] is None
    assert report['runs'][1]['gradients'] == runs[1].gradients
    assert [line.split(':')[0] for line in report['missing']] == [
        'GALA has no gradient statistics', 'GALA has no class weight vectors',
    ]  # fmt: skip
    write_html_report(report, tmp_path / 'report.html')
    json.dumps(report, allow_nan=False)


def test_missing_parts_come_with_the_command_for_this_folder(tmp_path):
    folder = tmp_path / 'a b'
    add_gradients(folder)
    (folder / 'c.py').write_text('')
    (folder / 'epoch_2.pth').touch()
    (folder / 'last_checkpoint').write_text(f'{folder}/epoch_2.pth')
    vectors, predictions = merge_runs([read_run(folder, 'CE')], '')['missing']
    config, checkpoint = f"'{folder}/c.py'", f"'{folder}/epoch_2.pth'"
    assert predictions == (
        f'CE has no predictions: mmgala test {config} {checkpoint} --out '
        f"'{folder}'/predictions.npz"
    )
    assert vectors == (
        f'CE has no class weight vectors: mmgala vectors '
        f"{config} {checkpoint} --out '{folder}'/class_vectors.json --many 100 --few 20"
    )


@pytest.mark.parametrize('number', [3, 4])
def test_what_many_runs_lack_is_one_line(tmp_path, number):
    runs = []
    for seed in range(number):
        add_predictions(tmp_path / str(seed), class_counts=np.array(COUNTS))
        runs.append(read_run(tmp_path / str(seed), f'a, seed {seed}'))
    vectors = [
        line
        for line in merge_runs(runs, '')['missing']
        if 'no class weight vectors' in line
    ]
    if number == 3:
        assert [line.split(' has')[0] for line in vectors] == [run.name for run in runs]
    else:
        (line,) = vectors
        command = f'mmgala vectors CONFIG CHECKPOINT --out {tmp_path}/0/'
        assert line.startswith('4 runs have no class weight vectors; for a, seed 0: ')
        assert line.partition(': ')[2].startswith(command)


def test_an_empty_work_dir_says_what_to_run(tmp_path):
    message = (
        'no gradient statistics, no predictions.npz and no class_vectors.json: run '
        'mmgala test CONFIG CHECKPOINT --out .*predictions.npz, or '
        r'mmgala vectors CONFIG .*GradientStatisticsHook'
    )
    with pytest.raises(FileNotFoundError, match=message):
        read_run(tmp_path, 'CE')
    with pytest.raises(FileNotFoundError, match='nowhere does not exist'):
        read_run(tmp_path / 'nowhere', 'CE')


@pytest.mark.parametrize(
    ('counts', 'names', 'message'),
    [
        (COUNTS[:5], NAMES[:5], 'different classes: 6 and 5'),
        ([*COUNTS[:5], 4], NAMES, 'training counts of class 5 are 3 and 4'),
        (COUNTS, [*NAMES[:5], 'zebu'], "names of class 5 are 'Äsche' and 'zebu'"),
    ],
)
def test_error_names_both_runs_with_different_classes(tmp_path, counts, names, message):
    add_gradients(tmp_path / 'one')
    add_vectors(tmp_path / 'two', counts, names)
    runs = [read_run(tmp_path / name, name) for name in ('one', 'two')]
    with pytest.raises(ValueError, match=f'one and .*two have.*{message}'):
        merge_runs(runs, 'x')


def test_error_names_both_parts_with_different_classes(tmp_path):
    add_gradients(tmp_path)
    add_vectors(tmp_path, COUNTS[:5], NAMES[:5])
    message = 'epoch_2.npz and .*class_vectors.json have different classes: 6 and 5'
    with pytest.raises(ValueError, match=message):
        read_run(tmp_path, 'x')


def test_predictions_and_gradients_must_have_the_same_classes(tmp_path):
    add_gradients(tmp_path, COUNTS[:5], NAMES[:5])
    add_predictions(tmp_path)
    message = 'Gradient.*predictions.npz have different classes: 5 and 6'
    with pytest.raises(ValueError, match=message):
        read_run(tmp_path, 'x')


def test_class_names_that_are_only_indices_are_ignored(tmp_path):
    add_gradients(tmp_path / 'one', names=list('012345'))
    add_vectors(tmp_path / 'two')
    runs = [read_run(tmp_path / name, name) for name in ('one', 'two')]
    assert [entry['name'] for entry in merge_runs(runs, 'x')['classes']] == NAMES
    alone = merge_runs(runs[:1], 'x')['classes']
    assert [entry['name'] for entry in alone] == list('012345')


def test_unknown_training_counts_are_an_error(tmp_path):
    add_predictions(tmp_path)
    with pytest.raises(ValueError, match='predictions.npz: .*ClassCountsHook'):
        read_run(tmp_path, 'x')


@pytest.mark.parametrize('part', [add_gradients, add_vectors])
def test_conflicting_thresholds_are_named(tmp_path, part):
    part(tmp_path)
    with pytest.raises(ValueError, match='--many 100 --few 20, or write it again'):
        read_run(tmp_path, 'x', ShotThresholds(50, 5))


def test_thresholds_default_to_those_of_the_files(tmp_path):
    stated = dict(class_counts=COUNTS, shot_thresholds=[160, 5])
    add_predictions(tmp_path / 'a', **stated)
    run = read_run(tmp_path / 'a', 'a')
    dump = read_predictions(tmp_path / 'a' / 'predictions.npz')
    assert run.predictions == analyse_predictions(dump, 1.0, ShotThresholds(160, 5))
    assert run.predictions != analyse_predictions(dump, 1.0, ShotThresholds())
    assert merge_runs([run], 'x')['limits'] == {'many': 160, 'few': 5}
    add_predictions(tmp_path / 'b', class_counts=COUNTS)
    with pytest.raises(ValueError, match='different shot thresholds: many > 160'):
        merge_runs([run, read_run(tmp_path / 'b', 'b')], 'x')


@pytest.mark.parametrize('part', [add_gradients, add_vectors])
def test_files_that_contradict_each_other_are_named(tmp_path, part):
    part(tmp_path)
    add_predictions(tmp_path, class_counts=COUNTS, shot_thresholds=[160, 5])
    message = r'predictions.npz have .*: many > 100, few < 20 and many > 160, few < 5'
    with pytest.raises(ValueError, match=message):
        read_run(tmp_path, 'x')


@pytest.mark.parametrize(
    'text', ['', '[]', '{"classes": []}', '{"classes": 1, "limits": 2}']
)
def test_unrelated_json_is_refused(tmp_path, text):
    (tmp_path / 'class_vectors.json').write_text(text)
    message = 'class weight vectors .*write it again with mmgala vectors'
    with pytest.raises(ValueError, match=message):
        read_run(tmp_path, 'x')


def test_runs_need_unique_names_and_there_must_be_one(full):
    run = read_run(full, 'CE')
    with pytest.raises(ValueError, match=r"different names, but got \['CE', 'CE'\]"):
        merge_runs([run, run], 'x')
    with pytest.raises(ValueError, match='at least one run'):
        merge_runs([], 'x')


def test_predictions_of_other_test_sets_are_not_compared(tmp_path):
    for name in ('a', 'b'):
        add_predictions(tmp_path / name, class_counts=COUNTS)
    with np.load(tmp_path / 'b' / 'predictions.npz') as stored:
        arrays = dict(stored)
    arrays['gt_label'] = arrays['gt_label'][::-1]
    np.savez(tmp_path / 'b' / 'predictions.npz', **arrays)
    runs = [read_run(tmp_path / name, name) for name in ('a', 'b')]
    with pytest.raises(ValueError, match='in .*/a and .*/b have different labels'):
        merge_runs(runs, 'x')


def test_class_vectors_of_other_splits_are_not_compared(tmp_path):
    content = add_vectors(tmp_path / 'a')
    add_vectors(tmp_path / 'b')
    path = tmp_path / 'b' / 'class_vectors.json'
    path.write_text(json.dumps({**content, 'split': 'train'}))
    runs = [read_run(tmp_path / name, name) for name in ('a', 'b')]
    with pytest.raises(
        ValueError, match='on test images, but those in .*/b on train .*--split'
    ):
        merge_runs(runs, 'x')


@pytest.mark.parametrize(
    'damage',
    [
        dict(groups=[]),
        dict(groups={'many': 1}),
        dict(groups={'many': dict(own_similarity='x', other_similarity=1, norm=1)}),
        dict(classes=[]),
        dict(classes=[dict(name='a', count=float('inf'))]),
        dict(own_similarity=5),
        dict(own_similarity=['a'] * 6),
        dict(norm=[float('nan')] * 6),
        dict(norm=[1.0]),
        dict(split='all'),
    ],
    ids=str,
)
def test_damaged_class_vectors_are_named(tmp_path, damage):
    content = add_vectors(tmp_path)
    path = tmp_path / 'class_vectors.json'
    path.write_text(json.dumps({**content, **damage}))
    message = r'class_vectors\.json cannot be read .*: write it again'
    with pytest.raises(ValueError, match=message):
        read_run(tmp_path, 'a')
    path.write_text(json.dumps({k: v for k, v in content.items() if k != 'groups'}))
    with pytest.raises(ValueError, match=message):
        read_run(tmp_path, 'a')


@pytest.mark.parametrize('last', ['{}/epoch_9.pth', '/elsewhere/best_epoch_2.pth'])
def test_commands_name_a_checkpoint_that_is_there(tmp_path, last):
    """A comparison keeps the best one alone, and work dirs may be moved."""
    add_gradients(tmp_path)
    (tmp_path / 'best_epoch_2.pth').touch()
    (tmp_path / 'last_checkpoint').write_text(last.format(tmp_path))

    vectors, predictions = merge_runs([read_run(tmp_path, 'CE')], '')['missing']

    for line in (vectors, predictions):
        assert f' {tmp_path}/best_epoch_2.pth --out ' in line


def test_last_checkpoint_file_in_another_encoding_is_tolerated(tmp_path):
    add_gradients(tmp_path)
    (tmp_path / 'last_checkpoint').write_bytes(b'\xff\xfe.pth')
    assert len(read_run(tmp_path, 'a').missing) == 2
