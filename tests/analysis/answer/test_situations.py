"""Sentences on many made-up situations: numbers by brute force, and whole English."""

import re

import numpy as np
import pytest

from mmgala.analysis.answer import (
    TOPICS,
    Compared,
    Place,
    answer,
    method_note,
    plain,
    printed,
)
from mmgala.analysis.answer.calibration import calibration_of
from mmgala.analysis.intervals import simultaneous
from tests.analysis.comparisons import THRESHOLDS, draw_scores, make_row

NUMBER = r'[-+]?\d+\.\d'
# Signs of a sentence that was put together wrongly.
BROKEN = (
    'nan',
    'None(?! of the)',
    r'(?<![.\d,])1 (classes|test images|seeds|points)',
    r'(?<![.\d])[2-9] (class|image|seed) ',
    r'\(\)',
    r'\s[,.](?!\w)',
    r': [.;]',
    r'  |^\s|\.\.|\[|\]',
    r'-0\.0\b|\binf\b',
    r': and|\band[.;:]',
)


def situation(number):
    """Rows of one to four methods on a made-up test set; all choices are random."""
    rng = np.random.default_rng(number)
    classes = int(rng.choice([1, 2, 3, 10, 40]))
    classes = max(classes, 2)
    counts = np.sort(rng.integers(1, 400, classes))[::-1].copy()
    sizes = (
        np.full(classes, rng.choice([1, 2, 10, 50]))
        if rng.random() < 0.6
        else rng.integers(0, 60, classes)
    )
    sizes[int(rng.integers(classes))] += 1
    targets = rng.permutation(np.repeat(np.arange(classes), sizes))
    head = rng.uniform(0.3, 1, 1) * np.linspace(1, rng.choice([0.0, 0.5, 1.0]), classes)
    rows = []
    for k in range(int(rng.integers(1, 5))):
        gain = rng.choice([-0.2, 0, 0, 0.05, 0.3]) * np.linspace(0, 1, classes)
        level = np.clip(head + k * gain, 0, 1)
        method = ['ce', 'gala', 'balanced-softmax', 'ldam'][k]
        seeds = int(rng.choice([1, 2, 3])) if rng.random() < 0.3 else 1 + number % 3
        confidence = rng.choice([None, 0.99, 0.5])
        arguments = dict(method=method, thresholds=THRESHOLDS)
        scores = draw_scores(rng, targets, level, seeds, confidence)
        rows.append(make_row(scores, targets, counts, **arguments))
        if rng.random() < 0.5:
            scores = np.roll(scores, 1, axis=2) if rng.random() < 0.1 else scores
            scores = scores * np.linspace(1, rng.choice([1, 1.5, 8]), classes)
            scores = (scores / scores.sum(axis=2, keepdims=True)).astype(np.float32)
            rows.append(
                make_row(scores, targets, counts, post_hoc='rebalancing', **arguments)
            )
    names = [f'class {c}' for c in range(classes)] if rng.random() < 0.5 else None
    return Compared(rows, targets, counts, names, THRESHOLDS)


SITUATIONS = range(120)


@pytest.fixture(scope='module')
def answers():
    found = [situation(number) for number in SITUATIONS]
    return [(about, answer(about)) for about in found]


def test_no_sentence_is_broken(answers):
    kinds = set()
    for about, lines in answers:
        for line in lines:
            for fault in BROKEN:
                assert not re.search(fault, line.text), line.text
            assert (
                line.text[0].isupper()
                or line.text[0] in '"'
                or line.text.startswith(tuple(r.name for r in about.rows))
            ), line.text
            assert line.text.endswith('.')
            kinds.add(re.sub(r'[\d.,+-]+', '', line.text)[:40])
        note = method_note(about)
        assert not any(re.search(fault, note) for fault in BROKEN)
    assert len(kinds) > 40  # many kinds of situations were made


def by_topic(lines, topic):
    return next((line.text for line in lines if line.topic == topic), '')


def accuracy_of(row, targets, lead):
    """Leading metric of a row, in percent, image by image."""
    if lead == 'top1':
        return 100 * np.mean([np.mean(c) for c in row.correct])
    return 100 * np.mean([
        np.mean([c[targets == k].mean() for k in np.unique(targets)])
        for c in row.correct
    ])  # fmt: skip


def test_the_accuracy_line_has_the_highest_row_and_its_numbers(answers):
    several = 0
    for about, lines in answers:
        text = by_topic(lines, 'accuracy')
        values = {
            row.name: accuracy_of(row, about.targets, about.lead) for row in about.rows
        }
        best = max(values, key=values.get)
        assert any(
            f'{values[name]:.1f}' in text
            for name in values
            if abs(values[name] - values[best]) < 1e-9
        )
        found = re.search(rf'({NUMBER}) points (?:over|\(95 %)', text)
        if found is None:
            assert len(about.rows) == 1 or 'highest is' in text
            continue
        several += 1
        gaps = [b - a for a in values.values() for b in values.values()]
        assert min(abs(np.array(gaps) - float(found[1]))) < 0.0501
    assert several > 50


def test_gala_is_behind_only_if_the_interval_says_so(answers):
    called = {'is behind': 0, 'are level': 0}
    for about, lines in answers:
        for line in lines:
            said = re.search(
                r'^GALA (?:and balanced softmax )?(is behind|are level) .*here: '
                r'(.*) has .* over (.*) in .*interval (.*) to .*\)\. '
                r'(Use balanced|Use either)',
                line.text,
            )
            if said is None:
                assert not line.text.startswith('GALA ')
                continue
            verdict, rival, gala, low, advice = said.groups()
            values = {
                row.name: accuracy_of(row, about.targets, about.lead)
                for row in about.rows
            }
            assert values[rival] > values[gala]
            assert (verdict == 'is behind') == (float(low) > 0)
            assert (verdict == 'is behind') == (advice == 'Use balanced')
            called[verdict] += 1
    assert min(called.values()) > 0, called


def test_rows_called_better_or_within_chance_are(answers):
    called = 0
    for about, lines in answers:
        text = by_topic(lines, 'accuracy')
        level = simultaneous(len(about.rows) - 1)
        first = about.rows[0]
        better = re.search(r'Better than .*? beyond chance: ([^.;]*)', text)
        gaps = {
            row.name: about.differences.between(first, row, level)
            for row in about.rows[1:]
        }
        if better and 'all' not in better[1] and 'more' not in better[1]:
            called += 1
            named = set(re.split(', | and ', better[1]))
            assert named == {name for name, gap in gaps.items() if gap.low > 0}
        best = max(about.rows, key=lambda row: row.mean(about.lead))
        behind = [
            about.differences.between(row, best, level).low > 0
            for row in about.rows
            if row is not best
        ]
        if 'do not differ' in text or 'is best beyond chance' in text:
            called += 1
            assert not any(behind)
        if 'is best in' in text:
            called += 1
            assert all(behind)
    assert called > 30


def test_groups_have_the_means_of_their_classes(answers):
    checked = 0
    for about, lines in answers:
        text = by_topic(lines, 'groups')
        for name, before, after in re.findall(
            rf'(\w+)-shot accuracy (?:rises|falls) from ({NUMBER}) to ({NUMBER}) %',
            text,
        ):
            checked += 1
            first, other = about.contrast
            counts = np.asarray(about.class_counts)
            inside = dict(many=counts > 100, few=counts < 20)
            inside['medium'] = ~inside['many'] & ~inside['few']
            for row, shown in ((first, before), (other, after)):
                accuracies = [
                    row.correct[:, about.targets == c].mean()
                    for c in np.flatnonzero(inside[name])
                    if (about.targets == c).any()
                ]
                assert float(shown) == pytest.approx(
                    100 * np.mean(accuracies), abs=0.051
                )
            assert (float(after) > float(before)) == (
                'rises' in text.split(f'{name}-shot accuracy ')[1][:6]
            )
    assert checked > 15


def test_named_classes_have_their_gains_and_images(answers):
    checked = 0
    for about, lines in answers:
        text = by_topic(lines, 'classes')
        found = re.findall(
            rf'"([^"]*)" \(({NUMBER}) points on ([\d,]+) test images?\)', text
        )
        names = [about.name_of(c) for c in range(len(about.class_counts))]
        for name, gain, images in found:
            checked += 1
            first, other = about.contrast
            inside = about.targets == names.index(name)
            assert int(images.replace(',', '')) == inside.sum()
            expected = 100 * (
                other.correct[:, inside].mean() - first.correct[:, inside].mean()
            )
            assert float(gain) == pytest.approx(expected, abs=0.051)
        if 'no class changes beyond' in text:
            changes = about.differences.of_classes(*about.contrast, about.groups)
            assert not any(change.beyond_chance for change in changes)
    assert checked > 60


def test_calibration_has_the_error_and_the_mean_confidence(answers):
    kinds = set()
    for about, lines in answers:
        text = by_topic(lines, 'calibration')
        row = about.best
        shown = float(re.search(rf'accuracy\) is ({NUMBER}) %', text)[1])
        assert shown == pytest.approx(row.mean('ece'), abs=0.051)
        right = float(re.search(rf'right in ({NUMBER}) %', text)[1])
        assert right == pytest.approx(row.mean('top1'), abs=0.051)
        found = calibration_of(row)
        if 'over-confident:' in text:
            assert found.confidence > right
        kinds.add(text.removeprefix(row.name).split(':')[0])
    assert len(kinds) >= 3


def test_the_text_of_a_terminal_has_every_line_and_command():
    about = situation(7)
    lines = answer(about)
    text = printed(plain(lines))
    for line in lines:
        assert f'{TOPICS[line.topic]}: {line.text}' in text
        assert line.command in text
    assert 'mmgala' in text


def test_commands_name_the_files_of_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = Place.at(tmp_path / 'a b' / 'c.py', tmp_path / 'a b' / 'x.pth')
    assert inside == Place("'a b/c.py'", "'a b/x.pth'", "'a b/fitted.pth'")
    monkeypatch.chdir('/')
    assert Place.at(None, None) == Place('CONFIG', 'CHECKPOINT', 'OUT.pth')
