"""`mmgala.X` is found by name before anything of mmgala is imported.

A process imports MMEngine and MMPretrain; each check runs in a fork of it, where
mmgala is still unknown.
"""

import subprocess
import sys

import pytest

from mmgala.registry import DETECTION

pytestmark = pytest.mark.slow

HEAD = """
config = dict(
    type='mmgala.GALAHead', num_classes=4, in_channels=3,
    post_hoc=dict(type='mmgala.PredictionRebalancer', tau=1.7))
head = {registry}.MODELS.build(config)
print(type(head).__module__, type(head.loss_module).__name__, head.post_hoc)
"""
CLASSIFIER = """
import torch
from mmpretrain.structures import DataSample
config = dict(
    type='ImageClassifier', backbone=dict(type='LeNet5'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='mmgala.GALAHead', num_classes=4, in_channels=120,
              loss=dict(type='mmgala.GALALoss', lambda_pos=1.2)))
model = mmpretrain.registry.MODELS.build(config)
samples = [DataSample().set_gt_label(1) for _ in range(2)]
model(torch.zeros(2, 1, 32, 32), samples, mode='loss')['loss'].backward()
print((model.head.loss_module.pos_grad > 0).tolist())
"""
LOSS = """
print({registry}.MODELS.build(dict(type='mmgala.GALALoss', num_classes=4)).num_classes)
"""
# Configs in Python style were saved with these modules.
FORMER = """
get = {registry}.MODELS.get
print(
    get('mmgala.models.losses.seesaw.SeesawLoss') is get('mmgala.SeesawLoss'),
    get('mmgala.models.post_hoc.LogitAdjuster') is get('mmgala.LogitAdjuster'))
"""
# Names of each registry; a fork looks up all of one.
NAMES = {
    'DATASETS': [
        'ArrayDataset', 'CSVDataset', 'DigitsDataset', 'FashionPairs', 'ImageNetLT',
        'INaturalist2018', 'LongTailedDataset', 'PlacesLT', 'PlanktonSet',
    ],
    'TRANSFORMS': [
        'CIFARAutoAugment', 'Cutout', 'FlooredPosterize', 'FlooredSolarize',
        'RandomInterpolation', 'TorchvisionAutoAugment',
    ],
    'DATA_SAMPLERS': ['ClassAwareSampler', 'ClassBalancedSampler'],
    'MODELS': [
        'CIFARResNet', 'CosineClsHead', 'DecoupledClassifier', 'LDAMLoss',
        'PlainConvNet',
    ],
    'MODEL_WRAPPERS': ['ClassShardsDataParallel'],
    'METRICS': ['LongTailedAccuracy'],
    'OPTIM_WRAPPERS': ['BFloat16OptimWrapper', 'SAMOptimWrapper'],
    'HOOKS': [
        'ChannelsLastHook', 'ClassCountsHook', 'DeferredReweightingHook',
        'Float32OperatorsHook', 'LoadBackboneHook', 'ResumeWithinEpochHook',
    ],
    'LOOPS': ['OnDeviceTrainLoop'],
}  # fmt: skip
# As in an environment without MMDetection. MMPretrain's loss is in no registry of ours:
# GALAHead asks whether it is one.
WITHOUT_MMDET = """
sys.modules['mmdet'] = None
head = {registry}.MODELS.build(dict(
    type='mmgala.GALAHead', num_classes=4, in_channels=3,
    loss=dict(type='mmpretrain.CrossEntropyLoss')))
print(type(head.loss_module).__name__, {registry}.MODELS.get('mmgala.CrossEntropyLoss'))
"""
DETECTION_CLASS = """
sys.modules['mmdet'] = None
try:
    {registry}.MODELS.get('mmgala.GALABBoxLoss')
except ImportError as error:
    print('MMDetection' in str(error), 'mmgala.GALABBoxLoss' in str(error))
"""
GET = """
found = [{registry}.{kind}.get('mmgala.' + name) for name in {names}]
print(*(each and each.__name__ for each in found))
"""


def get(registry, kind, names):
    """Code that looks names up, and what it should print."""
    return GET.format(registry=registry, kind=kind, names=names), ' '.join(names)


CHECKS = {'classifier': (CLASSIFIER, '[False, True, False, False]')}
for registry in ('mmengine.registry', 'mmpretrain.registry'):
    CHECKS[f'{registry} head'] = (
        HEAD.format(registry=registry),
        'mmgala.models.heads.linear_heads GALALoss '
        'PredictionRebalancer(tau=1.7, fitted=False)',
    )
    CHECKS[f'{registry} loss'] = LOSS.format(registry=registry), '4'
    CHECKS[f'{registry} without MMDetection'] = (
        WITHOUT_MMDET.format(registry=registry),
        'CrossEntropyLoss None',
    )
    CHECKS[f'{registry} detection class'] = (
        DETECTION_CLASS.format(registry=registry),
        'True True',
    )
    CHECKS[f'{registry} former modules'] = FORMER.format(registry=registry), 'True True'
    for kind, names in NAMES.items():
        CHECKS[f'{registry} {kind}'] = get(registry, kind, names)
CHECKS['mmengine.registry EVALUATOR'] = get(
    'mmengine.registry', 'EVALUATOR', ['RebalancingEvaluator']
)
CHECKS['mmpretrain.registry EVALUATORS'] = get(
    'mmpretrain.registry', 'EVALUATORS', ['RebalancingEvaluator']
)

# Of a failure in a fork, its last line is printed as the answer.
SCRIPT = """
import os, sys, traceback, warnings
warnings.simplefilter('ignore')
import torch
import mmengine.registry
import mmpretrain.models, mmpretrain.datasets, mmpretrain.evaluation
import mmpretrain.engine, mmpretrain.registry

torch.set_num_threads(1)
mmengine.registry.init_default_scope('mmpretrain')
assert not any(name.split('.')[0] == 'mmgala' for name in sys.modules)
for name, check in {checks!r}.items():
    print('CHECK', name, flush=True)
    if os.fork() == 0:
        try:
            exec(check, globals())
        except Exception:
            print(traceback.format_exc())
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope='module')
def answers(repository):
    script = SCRIPT.format(checks={name: check for name, (check, _) in CHECKS.items()})
    result = subprocess.run(
        [sys.executable, '-c', script],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    parts = result.stdout.split('CHECK ')[1:]
    return dict(part.split('\n', 1) for part in parts)


@pytest.mark.parametrize('name', CHECKS)
def test_name_is_found_without_custom_imports(answers, name):
    answer = answers[name].strip()
    assert answer.splitlines()[-1:] == [CHECKS[name][1]], answer


def test_the_registries_know_the_classes_of_the_detection_half():
    detection = pytest.importorskip('mmgala.detection')
    assert sorted(DETECTION) == sorted(detection.__all__)
