"""Data of the config in MMEngine's new style."""

from mmengine.dataset import DefaultSampler
from mmpretrain.datasets.transforms import PackInputs

from mmgala.datasets import DigitsDataset, LongTailedDataset
from mmgala.evaluation import LongTailedAccuracy

data_preprocessor = dict(num_classes=10, mean=[78.0] * 3, std=[96.0] * 3)
pipeline = [dict(type=PackInputs)]
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    dataset=dict(
        type=LongTailedDataset,
        imbalance_factor=50,
        seed=0,
        dataset=dict(type=DigitsDataset, split='train', pipeline=pipeline),
    ),
    sampler=dict(type=DefaultSampler, shuffle=True),
)
val_dataloader = dict(
    batch_size=250,
    num_workers=0,
    dataset=dict(type=DigitsDataset, split='val', pipeline=pipeline),
    sampler=dict(type=DefaultSampler, shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type=LongTailedAccuracy, many=40, few=10)
test_evaluator = val_evaluator
