"""Pictures of the data, confusions, curves, and config and command of each run."""

import numpy as np

from tests.browser.conftest import HOSTILE
from tests.browser.made_reports import make_report


def texts(page, selector):
    return page.page.locator(selector).all_inner_texts()


def test_classes_that_changed_most_come_first(small_page, small):
    before, after = (
        np.array(run['predictions']['raw']['class_accuracy'], dtype=float)
        for run in small['runs']
    )
    change = after - before  # NaN for a class without test samples
    known = [c for c in range(10) if not np.isnan(change[c])]
    gained = sorted((c for c in known if change[c] > 0), key=lambda c: (-change[c], c))
    lost = sorted((c for c in known if change[c] < 0), key=lambda c: (change[c], c))
    assert gained
    assert lost
    names = [entry['name'] for entry in small['classes']]
    expected = [names[c] for c in (*gained[:5], *lost[:5])]
    assert texts(small_page, '#change-cards h4') == expected
    first = texts(small_page, '#change-cards .card')[0]
    c = gained[0]
    assert f'accuracy {before[c]:.1f}% → {after[c]:.1f}% +{change[c]:.1f}' in first


def test_a_choice_compares_other_runs_and_kinds(small_page, small):
    before, after = (
        small['runs'][0]['predictions'][kind]['class_accuracy']
        for kind in ('raw', 'rebalanced')
    )
    small_page.page.locator('#change-to').select_option('0 rebalanced')
    names = texts(small_page, '#change-cards h4')
    changed = [
        entry['name']
        for entry, a, b in zip(small['classes'], before, after, strict=True)
        if a is not None and a != b
    ]
    assert {*names} <= {*changed}
    caption = texts(small_page, '#change-cards .caption')[-1]
    assert 'first by CE, raw, then by CE, re-balanced' in caption
    small_page.page.locator('#change-to').select_option('1 raw')


def test_each_image_has_what_both_runs_predicted(small_page, small):
    samples = small['samples']
    card = small_page.page.locator('#change-cards .card').first
    name = card.locator('h4').inner_text()
    c = [entry['name'] for entry in small['classes']].index(name)
    for shot, position in zip(
        card.locator('.shot').all(), samples['of_class'][str(c)], strict=True
    ):
        lines = shot.locator('.verdict').all_inner_texts()
        for line, guesses in zip(lines, samples['runs'], strict=True):
            predicted = guesses['raw']['predicted'][position]
            mark, guess, score = line.split('\n')
            assert mark == ('✓' if predicted == c else '✗')
            assert guess == small['classes'][predicted]['name']
            expected = 100 * guesses['raw']['confidence'][position]
            assert abs(int(score[:-1]) - expected) <= 0.51


def test_mistakes_have_image_classes_and_score(small_page, small):
    samples, (_, guesses) = small['samples'], small['samples']['runs']
    cards = small_page.page.locator('#mistake-cards .card')
    assert cards.count() == len(guesses['raw']['mistakes']) == 12
    for card, position in zip(cards.all(), guesses['raw']['mistakes'], strict=True):
        true, predicted = (
            small['classes'][c]['name']
            for c in (
                samples['classes'][position],
                guesses['raw']['predicted'][position],
            )
        )
        score = f'{100 * guesses["raw"]["confidence"][position]:.1f}%'
        assert card.locator('p').inner_text() == (
            f'is {true}\ntaken for {predicted}\nscore {score}'
        )
        shown = card.locator('img').count() == 1
        assert shown == (position not in (1, 2))  # missing, and not a plain image


def test_images_are_really_drawn(small_page):
    widths = small_page.page.locator('#mistakes img').evaluate_all(
        'images => images.map(i => [i.naturalWidth, i.getBoundingClientRect().width])'
    )
    assert {natural for natural, _ in widths} == {8}
    assert {shown for _, shown in widths} == {80}


def test_takers_are_listed_in_both_directions(small_page, small):
    run = small['runs'][1]['predictions']
    lists = run['raw']['class_confusions']
    small_page.page.locator('#confusion-order').select_option('page')
    order = sorted(range(10), key=lambda c: (-small['classes'][c]['count'], c))
    rows = small_page.page.locator('#confusion-table tbody tr')
    for row, c in zip(rows.all(), order, strict=True):
        taken_by, taken_from = (
            [item.inner_text() for item in cell.locator('.taker').all()]
            for cell in row.locator('td.takers').all()
        )
        for found, entries in (
            (taken_by, lists['taken_by'][c]),
            (taken_from, lists['taken_from'][c]),
        ):
            assert found == [
                f'{small["classes"][other]["name"]}: {images} ({10 * images}%)'
                for other, images in zip(entries[::2], entries[1::2], strict=True)
            ]
    small_page.page.locator('#confusion-order').select_option('lost')
    lost = texts(small_page, '#confusion-table td:nth-child(3)')
    accuracies = [float(t.split('%')[0]) for t in lost if not t.startswith('–')]
    assert accuracies == sorted(accuracies)


def test_thousands_of_classes_have_pages_and_a_search(open_report):
    page = open_report(make_report(300, ('CE',)))
    assert texts(page, '#confusion-range') == ['1–20 of 300']
    page.page.locator('#confusion-next').click()
    assert texts(page, '#confusion-range') == ['21–40 of 300']
    page.page.locator('#confusion-search').fill('species 0123')
    assert texts(page, '#confusion-range') == ['1–1 of 1']
    assert texts(page, '#confusion-table tbody th') == ['species 0123']


def test_curves_have_every_loss_and_metric(small_page, small):
    for i, run in enumerate(small['runs']):
        (loss,) = small_page.traces('fig-loss', run=i)
        expected = run['course']['loss']['loss']
        assert loss['x'] == expected['steps']
        np.testing.assert_allclose(loss['y'], expected['values'], rtol=6e-5)
        traces = small_page.traces('fig-validation', run=i)
        assert {t['meta']['key'] for t in traces} == {*run['course']['validation']}


def test_config_and_commands_are_text(small_page):
    details = small_page.page.locator('#setups details')
    assert details.count() == 2
    assert not details.first.locator('pre').is_visible()
    details.first.locator('summary').click()
    assert details.first.locator('pre').inner_text() == HOSTILE
    assert texts(small_page, '#setups .commands') == [HOSTILE] * 2
    assert HOSTILE in texts(small_page, '#image-note')[0]
    assert small_page.run('() => window.hacked') is None
    assert small_page.page.locator('#setups img, #image-note img').count() == 0


def test_without_images_the_words_stay(open_report, small):
    small.update(images=None, image_note='Images were left out (--images).')
    page = open_report(small)
    assert page.page.locator('main img').count() == 0
    assert page.page.locator('#mistake-cards .card').count() == 12
    assert texts(page, '#image-note') == ['Images were left out (--images).']
