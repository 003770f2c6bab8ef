"""The recipes that the detection benchmark compares differ in one loss alone."""

import copy
import functools
from pathlib import Path

import pytest
from mmengine.config import Config

FOLDER = Path(__file__).parents[3] / 'projects' / 'collage_lvis' / 'configs'
RECIPES = {path.stem: path for path in sorted(FOLDER.glob('*_tiny_collage-lvis*.py'))}
TWO_STAGE = 'faster-rcnn_tiny_collage-lvis'
ONE_STAGE = 'retinanet_tiny_collage-lvis'
LOSSES = {
    TWO_STAGE: ('CrossEntropyLoss', None),
    f'{TWO_STAGE}_ce-objectness': ('mmgala.GALABBoxLoss', 'objectness'),
    f'{TWO_STAGE}_counts-objectness': ('mmgala.GALABBoxLoss', 'objectness'),
    f'{TWO_STAGE}_counts-objectness-cosine': ('mmgala.GALABBoxLoss', 'objectness'),
    f'{TWO_STAGE}_gala': ('mmgala.GALABBoxLoss', 'exclude'),
    f'{TWO_STAGE}_gala-objectness': ('mmgala.GALABBoxLoss', 'objectness'),
    f'{TWO_STAGE}_gala-margin': ('mmgala.GALABBoxLoss', 'objectness'),
    f'{TWO_STAGE}_gala-lead': ('mmgala.GALABBoxLoss', 'objectness'),
    f'{TWO_STAGE}_seesaw': ('SeesawLoss', None),
    ONE_STAGE: ('FocalLoss', None),
    f'{ONE_STAGE}_ce-objectness': ('mmgala.GALAObjectnessLoss', None),
    f'{ONE_STAGE}_ce-objectness-quarter': ('mmgala.GALAObjectnessLoss', None),
    f'{ONE_STAGE}_counts-objectness-quarter': ('mmgala.GALAObjectnessLoss', None),
    f'{ONE_STAGE}_gala-objectness': ('mmgala.GALAObjectnessLoss', None),
    f'{ONE_STAGE}_gala-objectness-quarter': ('mmgala.GALAObjectnessLoss', None),
}
WITH_MARGINS = {
    f'{TWO_STAGE}_gala-margin': 'configs/gala_margin/resnet14_digits-lt.py',
    f'{TWO_STAGE}_gala-lead': 'configs/gala_lead/resnet14_digits-lt.py',
}
ON_COSINES = [f'{TWO_STAGE}_counts-objectness-cosine', *WITH_MARGINS]


@functools.cache
def read(name):
    return Config.fromfile(RECIPES[name])


def split(name):
    """Whole config but for the loss, and the loss."""
    cfg = copy.deepcopy(read(name).to_dict())
    for variable in ('loss', 'normed'):
        cfg.pop(variable, None)
    model = cfg['model']
    return cfg, model.get('roi_head', model)['bbox_head'].pop('loss_cls')


def test_all_recipes_are_known():
    assert set(RECIPES) == set(LOSSES)


@pytest.mark.parametrize('name', LOSSES)
def test_recipes_of_a_detector_differ_in_the_loss_that_the_name_says(name):
    base = TWO_STAGE if name.startswith(TWO_STAGE) else ONE_STAGE
    cfg, loss = split(name)
    if name in ON_COSINES:
        layer = cfg['model']['roi_head']['bbox_head'].pop('cls_predictor_cfg')
        assert layer == dict(type='NormedLinear', temperature=15)
    assert cfg == split(base)[0]
    assert (loss['type'], loss.get('background')) == LOSSES[name]
    if loss['type'] not in ('CrossEntropyLoss', 'FocalLoss'):
        assert loss['num_classes'] == 30


@pytest.mark.parametrize('name', LOSSES)
def test_parts_are_not_mixed_up(name):
    cfg = read(name)
    for part in ('train', 'val', 'test'):
        file = f'annotations/lvis_{part}.json'
        assert cfg[f'{part}_dataloader'].dataset.ann_file == file
        if part != 'train':
            assert cfg[f'{part}_evaluator'].ann_file == f'{cfg.data_root}{file}'


@pytest.mark.parametrize('name', WITH_MARGINS)
def test_label_margins_have_the_settings_of_classification(name):
    product = Config.fromfile(FOLDER.parents[2] / WITH_MARGINS[name])
    expected = product.model.head.loss
    _, loss = split(name)
    settings = (
        'lambda_pos',
        'lambda_neg',
        'count_share',
        'label_margin',
        'lead_memory',
    )
    assert [loss.get(x) for x in settings] == [expected.get(x) for x in settings]
