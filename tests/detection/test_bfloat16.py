"""Detectors train and are tested under bfloat16, as --amp has it on a CPU."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmdet.models.roi_heads.roi_extractors import BaseRoIExtractor
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from mmgala.apis.config_options import (
    use_channels_last,
    use_mixed_precision,
    use_mixed_precision_in_test,
)
from mmgala.detection import Float32OperatorsHook
from tests.detection import test_detection_configs
from tests.detection.miniature_lvis import write_miniature_lvis
from tests.detection.test_detection_configs import shrink, without_pretraining

ROOT = Path(__file__).parents[2] / 'configs' / 'detection'
NAMES = {
    'one stage': 'retinanet_r50_fpn_gala_sample1e-3-ms-1x_lvis-v1',
    'two stages, masks': 'mask-rcnn_r50_fpn_gala_sample1e-3-ms-1x_lvis-v1',
}


@pytest.fixture(scope='module')
def lvis(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'lvis_v1'
    write_miniature_lvis(root)
    return root


@pytest.fixture
def config(request, monkeypatch, lvis, tmp_path):
    """Small config after --amp and --channels-last; it is tested in bfloat16 too."""
    monkeypatch.setattr('mmengine.device.utils.DEVICE', 'cpu')
    # PyTorch 2.11 leaves bfloat16 weight gradients of a strided convolution over a map
    # of one pixel undefined on CPUs: the smallest map of the pyramid must have two.
    monkeypatch.setattr(test_detection_configs, 'SIZE', 160)
    cfg = Config.fromfile(ROOT / f'{request.param}.py')
    cfg = shrink(without_pretraining(cfg), lvis, tmp_path)
    use_mixed_precision(cfg)
    use_channels_last(cfg)
    use_mixed_precision_in_test(cfg)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    return cfg


class Types:
    """Notes the types that modules get and give."""

    def __init__(self, model):
        self.regions, self.layers = set(), set()
        for module in model.modules():
            if isinstance(module, BaseRoIExtractor):
                module.roi_layers[0].register_forward_pre_hook(self._note_regions)
            elif isinstance(module, torch.nn.Conv2d):
                module.register_forward_hook(self._note_layer)

    def _note_regions(self, module, inputs):
        self.regions |= {value.dtype for value in inputs}

    def _note_layer(self, module, inputs, output):
        self.layers.add(output.dtype)


@pytest.mark.slow
@pytest.mark.parametrize('config', NAMES.values(), ids=NAMES, indirect=True)
def test_it_trains_and_is_tested(config):
    runner = Runner.from_cfg(config)
    types = Types(runner.model)
    before = {n: p.detach().clone() for n, p in runner.model.named_parameters()}

    runner.train()
    metrics = runner.test()

    assert types.layers == {torch.bfloat16}
    roi_head = getattr(runner.model, 'roi_head', None)
    assert types.regions == ({torch.float32} if roi_head else set())
    loss = (roi_head or runner.model).bbox_head.loss_cls
    assert loss.pos_grad.dtype == loss.neg_grad.dtype == torch.float32
    assert loss.pos_grad.isfinite().all()
    assert loss.pos_grad.any()
    after = dict(runner.model.named_parameters())
    assert all(value.isfinite().all() for value in after.values())
    moved = [name for name in after if not torch.equal(after[name], before[name])]
    assert any('fc_cls' in name or 'retina_cls' in name for name in moved)
    assert 'lvis/bbox_AP' in metrics


def test_the_hook_is_for_detectors_in_bfloat16(monkeypatch):
    def hooks_on(device, scope):
        monkeypatch.setattr('mmengine.device.utils.DEVICE', device)
        wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
        cfg = Config(dict(default_scope=scope, optim_wrapper=wrapper, test_cfg={}))
        test_cfg = cfg.copy()
        use_mixed_precision(cfg)
        use_mixed_precision_in_test(test_cfg)
        assert test_cfg.test_cfg.fp16 is True
        assert test_cfg.get('custom_hooks') == cfg.get('custom_hooks')
        return cfg.get('custom_hooks', [])

    added = [dict(type='mmgala.Float32OperatorsHook')]
    assert hooks_on('cpu', 'mmdet') == added
    assert hooks_on('cuda', 'mmdet') == []  # mmcv's operators know float16
    assert hooks_on('cpu', 'mmpretrain') == []


def hooked(model):
    """Names of modules with hooks, in alphabetical order."""
    return sorted(
        name
        for name, module in model.named_modules()
        if module._forward_hooks or module._forward_pre_hooks
    )


def test_the_hook_leaves_the_model_as_it_was():
    cfg = Config.fromfile(ROOT / f'{NAMES["two stages, masks"]}.py')
    init_default_scope('mmdet')
    model = MODELS.build(without_pretraining(cfg).model)
    hook, runner = Float32OperatorsHook(), SimpleNamespace(model=model)
    assert hooked(model) == []
    hook.before_train(runner)
    hook.before_val(runner)
    assert len(hook._handles) == 5
    assert hooked(model) == [
        'roi_head.bbox_head', 'roi_head.bbox_roi_extractor', 'roi_head.mask_head',
        'roi_head.mask_roi_extractor', 'rpn_head',
    ]  # fmt: skip
    hook.after_run(runner)
    assert hooked(model) == []
