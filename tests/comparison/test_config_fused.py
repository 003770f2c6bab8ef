"""Heads that never have all logits of a batch, in comparisons of methods."""

import pytest
from mmengine.registry import MODELS, init_default_scope

from mmgala.comparison import CATALOGUE
from mmgala.comparison.config import with_method
from tests.comparison.small import small_config

NEED_LOGITS = {'cb-focal', 'seesaw', 'eql', 'gcl-one-stage', 'las-one-stage', 'vs'}
NEED_LOGITS_OF_MIXED = {'gala', 'gala-official', 'gala-margin', 'gala-lead'}
WITH_MIXED_LABELS = {'ce', 'cosine'}  # MMPretrain's loss has another form for them


def head_with(name, head, augments):
    user = small_config()
    user.model.head |= head
    if augments:
        user.model.train_cfg = dict(augments=augments)
    cfg = with_method(user, CATALOGUE[name])
    init_default_scope('mmpretrain')
    return MODELS.build(cfg.model.head)


@pytest.mark.parametrize('mixes', [False, True])
@pytest.mark.parametrize('name', [n for n, m in CATALOGUE.items() if m.start is None])
def test_a_head_stays_fused_where_the_loss_of_the_method_allows_that(name, mixes):
    augments = [dict(type='Mixup', alpha=0.2)] if mixes else []
    fused = head_with(name, dict(type='mmgala.GALAHead', fused=True), augments)
    plain = head_with(name, dict(type='LinearClsHead'), augments)

    needs_logits = NEED_LOGITS
    if mixes:
        needs_logits = NEED_LOGITS | NEED_LOGITS_OF_MIXED | WITH_MIXED_LABELS
    assert getattr(fused, 'fused', False) == (name not in needs_logits)
    assert type(fused.fc) is type(plain.fc)
    assert type(fused.loss_module) is type(plain.loss_module)
