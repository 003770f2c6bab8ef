# Two items of Fashion-MNIST side by side, 100 classes of ordered pairs, long-tailed:
# 500 training pairs of the first class down to 5 of the last; 25 validation and 50 test
# pairs of each class. `python tools/prepare_data.py fashion-mnist` creates the items.
data_preprocessor = dict(num_classes=100, mean=[73.0], std=[90.0], to_rgb=False)

pipeline = [dict(type='PackInputs')]
data_root = 'data/fashion_mnist'

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='mmgala.LongTailedDataset',
        imbalance_factor=100,
        seed=0,
        dataset=dict(
            type='mmgala.FashionPairs',
            data_root=data_root,
            split='train',
            pipeline=pipeline,
        ),
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=500,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='mmgala.FashionPairs',
        data_root=data_root,
        split='val',
        pipeline=pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = dict(
    batch_size=500,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='mmgala.FashionPairs',
        data_root=data_root,
        split='test',
        pipeline=pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)

val_evaluator = dict(type='mmgala.LongTailedAccuracy')
test_evaluator = val_evaluator
