"""Arguments, labels and weights that a head with classes shared out refuses."""

import math

import pytest
import torch
from mmpretrain.structures import DataSample

from mmgala.models import GALAHead
from mmgala.models.heads.sharded_head import ShardedClsHead


def head(num_classes=5, **options):
    return GALAHead(num_classes, 4, shard_classes=True, **options)


@pytest.mark.parametrize(
    'init_cfg',
    [
        dict(type='Normal', layer='Linear', std=0.5),
        dict(layer=['Linear'], std=0.5),
        dict(std=0.5),
    ],
    ids=str,
)
def test_a_normal_distribution_of_any_width_is_drawn(init_cfg):
    built = head(500, init_cfg=init_cfg)
    built.init_weights()
    assert built.fc.weight.std().item() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize(
    'init_cfg',
    [
        dict(type='Xavier'),
        dict(type='Normal', mean=1.0),
        dict(type='Normal', bias=2.0),
        dict(type='Normal', layer='Conv2d'),
        [dict(type='Normal', std=0.5)],
        'Normal',
    ],
    ids=str,
)
def test_another_initialisation_is_refused(init_cfg):
    with pytest.raises(ValueError, match='init_cfg.*leave init_cfg out') as caught:
        head(init_cfg=init_cfg)
    assert str(init_cfg) in str(caught.value)


@pytest.mark.parametrize('std', [-1, math.nan, math.inf])
def test_a_width_that_is_none_is_refused(std):
    with pytest.raises(ValueError, match=rf'init_cfg.std.* 0 or more.*{std}'):
        head(init_cfg=dict(type='Normal', std=std))


@pytest.mark.parametrize('size', [0, -1, 2.5])
@pytest.mark.parametrize('name', ['num_classes', 'in_channels'])
def test_sizes_that_are_none_are_refused(name, size):
    sizes = dict(num_classes=5, in_channels=4) | {name: size}
    with pytest.raises(ValueError, match=rf'{name}.* 1 or more.*{size}'):
        GALAHead(**sizes, shard_classes=True)


@pytest.mark.parametrize(
    'option',
    [dict(fused=True), dict(cal_acc=True), dict(post_hoc=dict(type='X'))],
    ids=str,
)
def test_what_needs_all_classes_is_refused(option):
    ((name, value),) = option.items()
    with pytest.raises(ValueError, match='leave out') as caught:
        head(**option)
    assert f'{name}={value!r}' in str(caught.value)


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match="'colour': remove it"):
        head(colour='red')


def test_its_class_cannot_be_another_head():
    with pytest.raises(ValueError, match=r"shard_classes=False.*'mmgala.GALAHead'"):
        ShardedClsHead(5, 4, shard_classes=False)


@pytest.mark.parametrize('label', [-1, 5])
def test_a_label_that_is_no_class_is_refused(label):
    samples = [DataSample().set_gt_label(torch.tensor([label]))]
    with pytest.raises(ValueError, match=rf'Label {label} .* 5 classes.*num_classes'):
        head().loss((torch.zeros(1, 4),), samples)


def test_soft_labels_are_refused():
    samples = [DataSample().set_gt_score(torch.ones(5) / 5)]
    with pytest.raises(TypeError, match=r'gt_score.*remove mixup'):
        head().loss((torch.zeros(1, 4),), samples)


def test_an_unknown_argument_of_the_loss_is_refused():
    samples = [DataSample().set_gt_label(0)]
    with pytest.raises(TypeError, match=r"\['avg_factor'\]: remove it"):
        head().loss((torch.zeros(1, 4),), samples, avg_factor=3.0)


def test_a_checkpoint_whose_shares_nobody_has_read_is_refused():
    state = {'classes_shared_out': torch.tensor(5)}
    with pytest.raises(ValueError, match=r'\.shards.*add.*mmgala.ClassShardsHook'):
        head().load_state_dict(state, strict=False)
