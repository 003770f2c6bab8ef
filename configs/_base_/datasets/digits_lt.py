# Handwritten digits of scikit-learn, long-tailed: 103 training images of class 0
# down to 2 of class 9; 25 validation and 50 test images of each class.
data_preprocessor = dict(num_classes=10, mean=[78.0] * 3, std=[96.0] * 3)

pipeline = [dict(type='PackInputs')]

train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='mmgala.LongTailedDataset',
        imbalance_factor=50,
        seed=0,
        dataset=dict(type='mmgala.DigitsDataset', split='train', pipeline=pipeline),
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=250,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(type='mmgala.DigitsDataset', split='val', pipeline=pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = dict(
    batch_size=250,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(type='mmgala.DigitsDataset', split='test', pipeline=pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)

# The data set is too small for the usual shot thresholds of 100 and 20 images.
val_evaluator = dict(type='mmgala.LongTailedAccuracy', many=40, few=10)
test_evaluator = val_evaluator
