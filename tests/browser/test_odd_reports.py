"""Unusual but valid reports are drawn without errors, with every control."""

import pytest

from tests.browser.made_reports import make_report

LENGTHS = ('ratio', 'ratio_total', 'pos_grad', 'neg_grad', 'source_shares')


def seven_runs():
    return make_report(
        12, tuple(f'run {k} of several, with a long name' for k in range(7))
    )


def one_group():
    report = make_report(5, ('CE',))
    for entry in report['classes']:
        entry.update(count=3, group='few')
    for run in report['runs']:
        for series in ('ratio_by_group', 'source_share_by_step'):
            run['gradients'][series] = {'few': [1.0] * 20}
        run['gradients']['source_shares'] = [[0.0, 0.0, 1.0]] * 5
        run['vectors']['groups'] = {'few': run['vectors']['groups']['few']}
        for kind in ('raw', 'rebalanced'):
            outcome = run['predictions'][kind]
            outcome['confusion'] = {'groups': ['few'], 'values': [[100.0]]}
            for group in ('many', 'medium'):
                outcome['metrics'].pop(group, None)
        for group in ('many', 'medium'):
            run['predictions']['tau_curve'].pop(group)
    return report


def gaps():
    """All values are missing, and some classes have no training samples."""
    report = make_report(10)
    report['classes'][0].update(count=0, group='few')
    report['classes'][1].update(count=0, group='few')
    for run in report['runs']:
        gradients, vectors = run['gradients'], run['vectors']
        for key in LENGTHS:
            gradients[key] = [None] * 10
        gradients['source_shares'] = [[None, None, None]] * 10
        gradients['summary'] = {k: [None] * 20 for k in gradients['summary']}
        gradients['ratio_by_group'] = {g: [None] * 20 for g in ('many', 'few')}
        gradients['matrix']['values'] = [[0.0] * 10] * 10
        vectors.update({k: [None] * 10 for k in ('own_similarity', 'other_similarity')})
        vectors['groups']['few'] = dict.fromkeys(vectors['groups']['few'])
        for kind in ('raw', 'rebalanced'):
            outcome = run['predictions'][kind]
            outcome['class_accuracy'] = [None] * 10
            outcome['confusion']['values'] = [[None] * 3] * 3
            outcome['reliability'].update(count=[0] * 15, confidence=[None] * 15)
    return report


def first_period():
    """One iteration-based record, without optional parts."""
    report = make_report(10)
    for run in report['runs']:
        gradients = run['gradients']
        gradients.update(unit='iter', steps=[500], matrix=None)
        for key in ('summary', 'ratio_by_group', 'source_share_by_step'):
            gradients[key] = {k: v[:1] for k, v in gradients[key].items()}
        gradients.pop('summary_total')
        run['vectors']['bias'] = [0.1] * 10
    return report


@pytest.mark.parametrize('make', [seven_runs, one_group, gaps, first_period])
def test_unusual_reports_are_drawn(open_report, artefacts, make):
    page = open_report(make(), viewport=dict(width=1280, height=900))
    page.page.screenshot(path=artefacts / f'{make.__name__}.png', full_page=True)
    assert page.run('() => document.documentElement.scrollWidth <= innerWidth')
    page.order('accuracy')
    page.order('ratio')
    page.check('Predictions', 're-balanced', True)
    for box in page.page.locator('#choose-groups input').all():
        box.uncheck()
        page.settle()
    assert page.cells(0) == []
    assert page.traces('fig-ratio')[0]['y'] == []


def test_class_without_training_samples_is_on_the_logarithmic_axis(open_report):
    report = make_report(10)
    report['classes'][3].update(count=0, group='few')
    page = open_report(report)
    (trace, _) = page.traces('fig-accuracy')
    assert trace['x'][0] == 0.5
    accuracy = page.report['runs'][0]['predictions']['raw']['class_accuracy'][3]
    assert trace['y'][0] == accuracy
