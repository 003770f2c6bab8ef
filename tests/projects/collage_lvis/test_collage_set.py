"""Collages: exact masks and boxes, exact frequencies, nothing used twice."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as mask_utils

from projects.collage_lvis import painting
from projects.collage_lvis.collage_set import make_collage_set
from projects.collage_lvis.items import KINDS
from projects.collage_lvis.painting import MIN_VISIBLE, SILHOUETTE, paint
from projects.collage_lvis.planning import (
    NAMES,
    CollageSettings,
    categories,
    draw_plan,
    frequency_group,
    training_counts,
)
from tests.projects.collage_lvis.small_set import SMALL, contents

PARTS = ('train', 'val', 'test')


@pytest.fixture(scope='module')
def parts(root):
    folder = root / 'annotations'
    return {p: json.loads((folder / f'lvis_{p}.json').read_text()) for p in PARTS}


def images_of_classes(part):
    """Images that show each class, and instances of it, ``(30,)`` each."""
    pairs = [(a['category_id'] - 1, a['image_id']) for a in part['annotations']]
    images = np.bincount([label for label, _ in set(pairs)], minlength=30)
    return images, np.bincount([label for label, _ in pairs], minlength=30)


# --- painting --------------------------------------------------------------------


@pytest.fixture
def painted(monkeypatch):
    """A collage of six items, and the items as they were scaled and tinted."""
    scaled, tinted = [], []

    def keep(function, results):
        def keeping(*args):
            results.append(function(*args))
            return results[-1]

        return keeping

    for name, results in (('scale', scaled), ('colour', tinted)):
        function = getattr(painting, name)
        monkeypatch.setattr(painting, name, keep(function, results))
    rng = np.random.default_rng(5)
    items = []
    for tint in (0, 1, 2, 0, 1, 2):
        grey = np.zeros((28, 28), np.uint8)
        grey[2:26, 3:25] = rng.integers(50, 255, (24, 22))
        items.append((grey, tint))
    return *paint(items, rng), scaled, tinted


def test_pixels_of_an_item_are_those_pasted(painted):
    pixels, owner, scaled, tinted = painted
    for position, (grey, colours) in enumerate(zip(scaled, tinted, strict=True)):
        rows, columns = np.nonzero(owner == position)
        mine = pixels[rows, columns]
        # The item's place is unknown here: one shift must explain every pixel.
        shifts = [
            (top, left)
            for top in range(max(0, rows.max() - len(grey) + 1), rows.min() + 1)
            for left in range(max(0, columns.max() - len(grey) + 1), columns.min() + 1)
            if np.array_equal(colours[rows - top, columns - left], mine)
        ]
        assert len(shifts) == 1
        top, left = shifts[0]
        whole = np.zeros(owner.shape, bool)
        whole[top : top + len(grey), left : left + len(grey)] = grey > SILHOUETTE
        # What is not visible lies under later items.
        assert np.all(owner[whole] >= position)
        assert np.all(whole[owner == position])
        assert (owner == position).sum() >= MIN_VISIBLE * whole.sum()


def test_the_tint_is_the_strongest_channel(painted):
    pixels, owner, _, _ = painted
    for position, tint in enumerate((0, 1, 2, 0, 1, 2)):
        assert np.all(pixels[owner == position].argmax(axis=1) == tint)


def test_some_items_hide_others():
    rng = np.random.default_rng(0)
    full = np.full((28, 28), 200, np.uint8)
    hidden = 0
    for _ in range(20):
        owner = paint([(full, 0)] * 6, rng)[1]
        for position in range(6):
            rows, columns = np.nonzero(owner == position)
            box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            hidden += len(rows) < box
    assert hidden > 10


# --- the plan --------------------------------------------------------------------


@pytest.mark.parametrize('seed', [0, 1])
def test_training_counts_are_exponential_in_random_order(seed):
    counts = training_counts(CollageSettings(seed=seed))
    ranked = np.sort(counts)[::-1]
    assert (ranked[0], ranked[-1]) == (900, 3)
    expected = 900 * (3 / 900) ** (np.arange(30) / 29)
    np.testing.assert_allclose(ranked, expected, atol=0.5)
    assert not np.array_equal(counts, ranked)


def test_the_defaults_have_all_groups_of_lvis():
    settings = CollageSettings()
    training = draw_plan(training_counts(settings), np.random.default_rng(0), 0.2)
    made = categories(training)
    for category, count in zip(made, training_counts(settings), strict=True):
        group = 'f' if count > 100 else 'c' if count > 10 else 'r'
        assert (category['frequency'], category['image_count']) == (group, count)
    groups = Counter(category['frequency'] for category in made)
    assert groups == {'f': 12, 'c': 11, 'r': 7}


@pytest.mark.parametrize(
    ('count', 'group'), [(10, 'r'), (11, 'c'), (100, 'c'), (101, 'f')]
)
def test_frequency_groups_are_those_of_lvis(count, group):
    assert frequency_group(count) == group


@pytest.mark.parametrize(
    'counts',
    [np.full(30, 40), np.full(30, 1), np.geomspace(900, 3, 30).astype(int), [7]],
    ids=['balanced', 'one', 'long-tailed', 'one class'],
)
def test_every_class_is_in_exactly_its_number_of_collages(counts):
    shared = draw_plan(np.asarray(counts), np.random.default_rng(1))
    assert all(1 <= len(classes) <= 6 for classes in shared)
    assert all(len(set(classes)) == len(classes) for classes in shared)
    assert np.array_equal(np.bincount(np.concatenate(shared)), counts)


def test_some_collages_show_a_class_twice():
    counts = np.full(30, 40)
    shared = draw_plan(counts, np.random.default_rng(1), repeat=0.5)
    assert all(1 <= len(classes) <= 6 for classes in shared)
    images = np.bincount(np.concatenate([np.unique(some) for some in shared]))
    assert np.array_equal(images, counts)
    twice = np.mean([len(set(classes)) < len(classes) for classes in shared])
    assert 0.35 < twice < 0.65


# --- the set on disk -------------------------------------------------------------


def test_images_are_there_as_described(root, parts):
    ids = []
    for part in parts.values():
        for image in part['images']:
            with Image.open(root / image['file_name']) as file:
                assert (file.mode, file.size) == ('RGB', (160, 160))
            assert (image['height'], image['width']) == (160, 160)
            ids.append(image['id'])
    assert len(ids) == len(set(ids)) == len(list(root.glob('*/*.png')))


def test_boxes_and_areas_are_those_of_the_masks(parts):
    for part in parts.values():
        for annotation in part['annotations']:
            rows, columns = np.nonzero(mask_utils.decode(annotation['segmentation']))
            left, top = columns.min(), rows.min()
            size = (np.ptp(columns) + 1, np.ptp(rows) + 1)
            assert annotation['bbox'] == [left, top, *size]
            assert annotation['area'] == len(rows)


def test_masks_of_a_collage_do_not_overlap(parts):
    for image in parts['train']['images']:
        masks = [
            mask_utils.decode(a['segmentation'])
            for a in parts['train']['annotations']
            if a['image_id'] == image['id']
        ]
        assert np.sum(masks, axis=0).max() == 1


def test_frequencies_are_those_of_the_training_part(parts):
    images, instances = images_of_classes(parts['train'])
    assert np.array_equal(images, training_counts(SMALL))
    assert instances.sum() > images.sum()
    for part in parts.values():
        assert [c['image_count'] for c in part['categories']] == images.tolist()
        assert [c['instance_count'] for c in part['categories']] == instances.tolist()
        assert [c['id'] for c in part['categories']] == list(range(1, 31))
        assert [c['name'] for c in part['categories']] == NAMES


@pytest.mark.parametrize('name', ['val', 'test'])
def test_other_parts_are_balanced(parts, name):
    images, instances = images_of_classes(parts[name])
    assert set(images) == set(instances) == {SMALL.per_class}


def test_every_class_is_known_to_be_in_an_image_or_not(parts):
    for part in parts.values():
        shown = {image['id']: set() for image in part['images']}
        for annotation in part['annotations']:
            shown[annotation['image_id']].add(annotation['category_id'])
        for image in part['images']:
            assert image['not_exhaustive_category_ids'] == []
            negative = image['neg_category_ids']
            assert sorted({*negative} | shown[image['id']]) == list(range(1, 31))
            assert not {*negative} & shown[image['id']]


def test_no_item_is_used_twice(parts, fashion_mnist):
    labels = {
        split: np.frombuffer(
            (fashion_mnist / f'{file}-labels-idx1-ubyte').read_bytes()[8:], np.uint8
        )
        for split, file in (('train', 'train'), ('test', 't10k'))
    }
    used = []
    for name, part in parts.items():
        split = 'test' if name == 'test' else 'train'
        for annotation in part['annotations']:
            source = annotation['source_index']
            used.append((split, source))
            kind = NAMES[annotation['category_id'] - 1].split(' ', 1)[1]
            assert KINDS[labels[split][source]] == kind
    assert len(used) == len(set(used))


def test_the_overview_is_a_picture(root):
    with Image.open(root / 'overview.png') as file:
        assert file.size == (4 * 320, 3 * 320)
        assert np.ptp(np.asarray(file)) > 100


def test_same_settings_same_bytes(root, fashion_mnist, tmp_path):
    make_collage_set(fashion_mnist, tmp_path / 'again', SMALL)
    assert contents(tmp_path / 'again') == contents(root)


def test_another_seed_gives_another_set(root, fashion_mnist, tmp_path):
    other = CollageSettings(**{**vars(SMALL), 'seed': 4})
    make_collage_set(fashion_mnist, tmp_path / 'other', other)
    first, second = contents(root), contents(tmp_path / 'other')
    same = {name for name in first if first[name] == second.get(name)}
    assert same == set()
