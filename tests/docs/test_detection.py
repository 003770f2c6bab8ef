"""docs/detection.md: its configs build, with the losses that the page names."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmgala.detection import GALABBoxLoss, GALAObjectnessLoss

PAGE = (Path(__file__).parents[2] / 'docs' / 'detection.md').read_text()
CONFIGS = re.findall(r'```python\n(.*?)```', PAGE, flags=re.DOTALL)
CASCADE = "_base_ = 'mmdet::cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py'\n"


def test_there_are_configs():
    assert len(CONFIGS) == 5


@pytest.mark.parametrize('number', range(5))
def test_each_builds_with_the_loss_it_shows(tmp_path, number):
    texts = CONFIGS.copy()
    texts[1] = CASCADE + CONFIGS[0].splitlines()[2] + '\n' + CONFIGS[1]
    texts[3] = CASCADE + CONFIGS[3]
    texts[4] = CONFIGS[0].splitlines()[0] + '\n' + CONFIGS[4]
    path = tmp_path / 'config.py'
    path.write_text(texts[number])
    cfg = Config.fromfile(path)
    if number == 3:
        assert cfg.custom_hooks == [dict(type='mmgala.ReduceStatisticsHook')]
        return
    init_default_scope('mmdet')
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    losses = [m for m in model.modules() if hasattr(m, 'pos_grad')]
    bbox = GALABBoxLoss
    assert [type(loss) for loss in losses] == {
        0: [bbox],
        1: [bbox] * 3,
        2: [GALAObjectnessLoss],
        4: [bbox],
    }[number]
    assert {loss.num_classes for loss in losses} == {80}
    if number == 4:
        assert losses[0].label_margin == 4
        assert model.roi_head.bbox_head.fc_cls.temperature == 15


def test_the_configs_it_names_exist():
    root = Path(__file__).parents[2]
    for text in (PAGE, (root / 'configs' / 'detection' / 'README.md').read_text()):
        for name in re.findall(r'configs/detection/[\w.-]+', text):
            assert (root / name).exists(), name
