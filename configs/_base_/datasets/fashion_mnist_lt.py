# Fashion-MNIST, long-tailed with imbalance factor 100. The last 10,000 training
# images are held out for validation. `python tools/prepare_data.py fashion-mnist`
# downloads data/fashion_mnist, or unpacks it from Debian's package (`--source`).
data_preprocessor = dict(num_classes=10, mean=[73.0], std=[90.0], to_rgb=False)

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
            type='FashionMNIST',
            data_root=data_root,
            split='train',
            indices=50000,
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
        type='FashionMNIST',
        data_root=data_root,
        split='train',
        indices=-10000,
        pipeline=pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = dict(
    batch_size=500,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='FashionMNIST',
        data_root=data_root,
        split='test',
        test_mode=True,
        pipeline=pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)

val_evaluator = dict(type='mmgala.LongTailedAccuracy')
test_evaluator = val_evaluator
