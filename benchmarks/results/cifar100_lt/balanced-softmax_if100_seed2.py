auto_scale_lr = dict(base_batch_size=64)
custom_hooks = [
    dict(type='mmgala.ClassCountsHook'),
    dict(type='mmgala.ChannelsLastHook'),
]
data_preprocessor = dict(
    mean=[
        125.307,
        122.961,
        113.8575,
    ],
    num_classes=100,
    std=[
        51.5865,
        50.847,
        51.255,
    ],
    to_rgb=False)
data_root = 'data/cifar100'
default_hooks = dict(
    checkpoint=dict(
        interval=1, max_keep_ckpts=2, save_last=True, type='CheckpointHook'),
    divergence=dict(type='mmgala.DivergenceHook'),
    logger=dict(_scope_='mmpretrain', interval=100, type='LoggerHook'),
    metric_rules=dict(type='mmgala.MetricRulesHook'),
    padding=dict(type='mmgala.PaddingHook'),
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
launcher = 'none'
load_from = None
log_level = 'INFO'
model = dict(
    backbone=dict(depth=32, type='mmgala.CIFARResNet'),
    head=dict(
        in_channels=64,
        init_cfg=None,
        loss=dict(num_classes=100, type='mmgala.BalancedSoftmaxLoss'),
        num_classes=100,
        type='LinearClsHead'),
    neck=dict(type='GlobalAveragePooling'),
    type='ImageClassifier')
optim_wrapper = dict(
    optimizer=dict(lr=0.1, momentum=0.9, type='SGD', weight_decay=0.0005),
    type='mmgala.BFloat16OptimWrapper')
param_scheduler = [
    dict(begin=0, by_epoch=True, end=2, factor=0.5, type='ConstantLR'),
    dict(T_max=198, begin=1, by_epoch=True, end=200, type='CosineAnnealingLR'),
]
randomness = dict(seed=2)
resume = False
test_cfg = dict()
test_dataloader = dict(
    batch_size=500,
    dataset=dict(
        data_root='data/cifar100',
        pipeline=[
            dict(type='PackInputs'),
        ],
        split='test',
        test_mode=True,
        type='mmgala.ArrayDataset'),
    num_workers=0,
    sampler=dict(shuffle=False, type='DefaultSampler'))
test_evaluator = dict(
    topk=(
        1,
        5,
    ), type='mmgala.LongTailedAccuracy')
test_pipeline = [
    dict(type='PackInputs'),
]
train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=20)
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        dataset=dict(
            data_root='data/cifar100',
            pipeline=[
                dict(type='NumpyToPIL'),
                dict(padding=4, size=32, type='torchvision/RandomCrop'),
                dict(type='torchvision/RandomHorizontalFlip'),
                dict(type='mmgala.CIFARAutoAugment'),
                dict(type='PILToNumpy'),
                dict(size=16, type='mmgala.Cutout'),
                dict(type='PackInputs'),
            ],
            split='train',
            type='mmgala.ArrayDataset'),
        imbalance_factor=100,
        profile='exp',
        seed=0,
        type='mmgala.LongTailedDataset'),
    drop_last=True,
    num_workers=0,
    sampler=dict(shuffle=True, type='DefaultSampler'))
train_pipeline = [
    dict(type='NumpyToPIL'),
    dict(padding=4, size=32, type='torchvision/RandomCrop'),
    dict(type='torchvision/RandomHorizontalFlip'),
    dict(type='mmgala.CIFARAutoAugment'),
    dict(type='PILToNumpy'),
    dict(size=16, type='mmgala.Cutout'),
    dict(type='PackInputs'),
]
val_cfg = dict()
val_dataloader = dict(
    batch_size=500,
    dataset=dict(
        data_root='data/cifar100',
        pipeline=[
            dict(type='PackInputs'),
        ],
        split='test',
        test_mode=True,
        type='mmgala.ArrayDataset'),
    num_workers=0,
    sampler=dict(shuffle=False, type='DefaultSampler'))
val_evaluator = dict(
    topk=(
        1,
        5,
    ), type='mmgala.LongTailedAccuracy')
vis_backends = [
    dict(_scope_='mmpretrain', type='LocalVisBackend'),
]
visualizer = None
work_dir = 'work_dirs/cifar100_lt/balanced-softmax_if100_seed2'
