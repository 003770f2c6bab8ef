# CIFAR100-LT: 500 training images of class 0 down to 5 of class 99, 10,847 in all.
# As usual on this benchmark, validation uses the 10,000 test images to monitor the
# training only: the last epoch is the result, and nothing is chosen by validation.
_base_ = './pipelines/cifar.py'

data_root = 'data/cifar100'
data_preprocessor = dict(
    num_classes=100,
    mean=[125.307, 122.961, 113.8575],  # (.4914, .4822, .4465) * 255
    std=[51.5865, 50.847, 51.255],  # .2023 .1994 .2010
    to_rgb=False,
)

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    drop_last=True,  # the published recipe skips the last, incomplete batch
    dataset=dict(
        type='mmgala.LongTailedDataset',
        imbalance_factor=100,
        profile='exp',
        seed=0,
        dataset=dict(
            type='mmgala.ArrayDataset',
            data_root=data_root,
            split='train',
            pipeline={{_base_.train_pipeline}},
        ),
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=500,
    num_workers=2,
    dataset=dict(
        type='mmgala.ArrayDataset',
        data_root=data_root,
        split='test',
        test_mode=True,
        pipeline={{_base_.test_pipeline}},
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmgala.LongTailedAccuracy', topk=(1, 5))
test_evaluator = val_evaluator
