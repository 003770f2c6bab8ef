auto_scale_lr = dict(base_batch_size=64)
custom_hooks = [
    dict(type='mmgala.ClassCountsHook'),
]
data_preprocessor = dict(
    mean=[
        55.7,
        55.7,
        55.7,
    ],
    num_classes=10,
    std=[
        84.5,
        84.5,
        84.5,
    ],
    to_rgb=False)
data_root = 'data/fashion_mnist'
default_hooks = dict(
    checkpoint=dict(
        _scope_='mmpretrain',
        interval=1,
        max_keep_ckpts=2,
        type='CheckpointHook'),
    logger=dict(_scope_='mmpretrain', interval=100, type='LoggerHook'),
    param_scheduler=dict(_scope_='mmpretrain', type='ParamSchedulerHook'),
    sampler_seed=dict(_scope_='mmpretrain', type='DistSamplerSeedHook'),
    timer=dict(_scope_='mmpretrain', type='IterTimerHook'),
    visualization=dict(
        _scope_='mmpretrain', enable=False, type='VisualizationHook'))
default_scope = 'mmpretrain'
env_cfg = dict(
    cudnn_benchmark=False,
    dist_cfg=dict(backend='nccl'),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
load_from = None
log_level = 'INFO'
model = dict(
    backbone=dict(depth=32, type='mmgala.CIFARResNet'),
    head=dict(
        in_channels=64,
        init_cfg=dict(layer='Linear', mode='fan_in', type='Kaiming'),
        loss=dict(type='CrossEntropyLoss'),
        num_classes=10,
        type='LinearClsHead'),
    neck=dict(type='GlobalAveragePooling'),
    type='ImageClassifier')
optim_wrapper = dict(
    optimizer=dict(lr=0.1, momentum=0.9, type='SGD', weight_decay=0.0005))
param_scheduler = [
    dict(begin=0, by_epoch=True, end=2, factor=0.5, type='ConstantLR'),
    dict(T_max=14, begin=1, by_epoch=True, end=15, type='CosineAnnealingLR'),
]
pipeline = [
    dict(type='PackInputs'),
]
randomness = dict(deterministic=False, seed=0)
resume = False
test_cfg = dict()
test_dataloader = dict(
    batch_size=500,
    dataset=dict(
        data_root='data/fashion_mnist',
        pipeline=[
            dict(type='NumpyToPIL'),
            dict(num_output_channels=3, type='torchvision/Grayscale'),
            dict(padding=2, type='torchvision/Pad'),
            dict(type='PILToNumpy'),
            dict(type='PackInputs'),
        ],
        split='test',
        test_mode=True,
        type='FashionMNIST'),
    num_workers=0,
    persistent_workers=False,
    sampler=dict(shuffle=False, type='DefaultSampler'))
test_evaluator = dict(type='mmgala.LongTailedAccuracy')
test_pipeline = [
    dict(type='NumpyToPIL'),
    dict(num_output_channels=3, type='torchvision/Grayscale'),
    dict(padding=2, type='torchvision/Pad'),
    dict(type='PILToNumpy'),
    dict(type='PackInputs'),
]
to_rgb = [
    dict(type='NumpyToPIL'),
    dict(num_output_channels=3, type='torchvision/Grayscale'),
    dict(padding=2, type='torchvision/Pad'),
]
train_cfg = dict(by_epoch=True, max_epochs=15, val_interval=5)
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        dataset=dict(
            data_root='data/fashion_mnist',
            indices=50000,
            pipeline=[
                dict(type='NumpyToPIL'),
                dict(num_output_channels=3, type='torchvision/Grayscale'),
                dict(padding=2, type='torchvision/Pad'),
                dict(padding=4, size=32, type='torchvision/RandomCrop'),
                dict(type='torchvision/RandomHorizontalFlip'),
                dict(policy='cifar10', type='mmgala.TorchvisionAutoAugment'),
                dict(type='PILToNumpy'),
                dict(pad_val=0, prob=1.0, shape=16, type='Cutout'),
                dict(type='PackInputs'),
            ],
            split='train',
            type='FashionMNIST'),
        imbalance_factor=100,
        seed=0,
        type='mmgala.LongTailedDataset'),
    drop_last=True,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(shuffle=True, type='DefaultSampler'))
train_pipeline = [
    dict(type='NumpyToPIL'),
    dict(num_output_channels=3, type='torchvision/Grayscale'),
    dict(padding=2, type='torchvision/Pad'),
    dict(padding=4, size=32, type='torchvision/RandomCrop'),
    dict(type='torchvision/RandomHorizontalFlip'),
    dict(policy='cifar10', type='mmgala.TorchvisionAutoAugment'),
    dict(type='PILToNumpy'),
    dict(pad_val=0, prob=1.0, shape=16, type='Cutout'),
    dict(type='PackInputs'),
]
val_cfg = dict()
val_dataloader = dict(
    batch_size=500,
    dataset=dict(
        data_root='data/fashion_mnist',
        indices=-10000,
        pipeline=[
            dict(type='NumpyToPIL'),
            dict(num_output_channels=3, type='torchvision/Grayscale'),
            dict(padding=2, type='torchvision/Pad'),
            dict(type='PILToNumpy'),
            dict(type='PackInputs'),
        ],
        split='train',
        type='FashionMNIST'),
    num_workers=0,
    persistent_workers=False,
    sampler=dict(shuffle=False, type='DefaultSampler'))
val_evaluator = dict(type='mmgala.LongTailedAccuracy')
vis_backends = [
    dict(_scope_='mmpretrain', type='LocalVisBackend'),
]
visualizer = dict(
    _scope_='mmpretrain',
    type='UniversalVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
    ])
