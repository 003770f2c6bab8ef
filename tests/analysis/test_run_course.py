"""Losses and metrics of a training, from files as MMEngine writes them."""

import json

import numpy as np

from mmgala.analysis.run_course import MOST_POINTS, read_course


def write(folder, start, entries, extra=''):
    path = folder / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(f'{json.dumps(entry)}\n' for entry in entries) + extra)


def loss(step, value, epoch=1):
    return dict(lr=0.1, data_time=0.1, loss=value, time=1, epoch=epoch, step=step)


def test_losses_and_metrics_are_told_apart(tmp_path):
    entries = [
        loss(9, 2.5),
        {'gradients/ratio_many': 1.2, 'step': 1},
        {'accuracy/top1': 40.0, 'data_time': 0.1, 'time': 0.2, 'step': 1},
        loss(18, 1.5, 2),
        {'accuracy/top1': 60.0, 'accuracy/few': float('nan'), 'step': 2},
    ]
    write(tmp_path, '20260101_000000', entries, extra='{"lr": 0.1, "lo')
    assert read_course(tmp_path) == {
        'unit': 'iteration',
        'loss': {'loss': {'steps': [9, 18], 'values': [2.5, 1.5]}},
        'validation_unit': 'epoch',
        'validation': {
            'accuracy/top1': {'steps': [1, 2], 'values': [40.0, 60.0]},
            'accuracy/few': {'steps': [2], 'values': [None]},
        },
    }


def test_a_resumed_training_replaces_what_it_repeats(tmp_path):
    write(tmp_path, '20260101_000000', [loss(s, 1.0) for s in (10, 20, 30)])
    write(tmp_path, '20260102_000000', [loss(s, 2.0) for s in (20, 30, 40)])
    course = read_course(tmp_path)['loss']['loss']
    assert course == {'steps': [10, 20, 30, 40], 'values': [1.0, 2.0, 2.0, 2.0]}


def test_long_trainings_have_means_of_neighbours(tmp_path):
    write(tmp_path, '20260101_000000', [loss(s, float(s)) for s in range(1, 1001)])
    course = read_course(tmp_path)['loss']['loss']
    assert len(course['steps']) == MOST_POINTS
    assert course['steps'][:2] == course['values'][:2] == [3.0, 8.0]
    np.testing.assert_allclose(np.mean(course['values']), 500.5)


def test_without_epochs_the_unit_is_the_iteration(tmp_path):
    entry = loss(9, 2.5)
    del entry['epoch']
    write(tmp_path, '20260101_000000', [entry, {'accuracy/top1': 1.0, 'step': 9}])
    assert read_course(tmp_path)['validation_unit'] == 'iteration'


def test_there_is_no_course_without_readable_numbers(tmp_path):
    assert read_course(tmp_path) is None
    write(
        tmp_path, '20260101_000000', [], extra='[1]\n"x"\n{"step": true, "loss": 1}\n'
    )
    assert read_course(tmp_path) is None
