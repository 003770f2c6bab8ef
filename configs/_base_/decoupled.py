# Decoupled training on a large long-tailed set, for 8 GPUs: first the representation
# (stage1 below), then this, the classifier anew on the frozen backbone. Defaults are
# those of ImageNet-LT. tools/train.py runs both stages; load_from skips the first.
_base_ = './default_runtime.py'

data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True
)

# RandAugment as timm's rand-n2-m10-mstd0.5 has it: unlike MMPretrain's
# 'timm_increasing', a higher level does not always change an image more.
enhance = dict(magnitude_range=(-0.9, 0.9), random_negative_prob=0.0)
rand_augment = dict(
    type='RandAugment',
    num_policies=2,
    magnitude_level=10,
    magnitude_std=0.5,
    total_level=10,
    hparams=dict(pad_val=[104, 116, 124], interpolation='bicubic'),
    policies=[
        dict(type='AutoContrast'),
        dict(type='Equalize'),
        dict(type='Invert'),
        dict(type='Rotate', magnitude_range=(0, 30)),
        dict(type='Posterize', magnitude_range=(0, 4)),
        dict(type='Solarize', magnitude_range=(0, 256)),
        dict(type='SolarizeAdd', magnitude_range=(0, 110)),
        dict(type='ColorTransform', **enhance),
        dict(type='Contrast', **enhance),
        dict(type='Brightness', **enhance),
        dict(type='Sharpness', **enhance),
        dict(type='Shear', magnitude_range=(0, 0.3), direction='horizontal'),
        dict(type='Shear', magnitude_range=(0, 0.3), direction='vertical'),
        dict(type='Translate', magnitude_range=(0, 0.45), direction='horizontal'),
        dict(type='Translate', magnitude_range=(0, 0.45), direction='vertical'),
    ],
)
color_jitter = dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4)

stage1_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    color_jitter,
    dict(type='PackInputs'),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='NumpyToPIL', to_rgb=True),
    dict(type='torchvision/Pad', padding=4, padding_mode='reflect'),
    dict(type='PILToNumpy', to_bgr=True),
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    color_jitter,
    rand_augment,
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(split='train', pipeline=train_pipeline),
    sampler=dict(type='mmgala.ClassAwareSampler', num_samples_per_class=4),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    dataset=dict(split='val', test_mode=True, pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=4,
    dataset=dict(split='test', test_mode=True, pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(type='mmgala.LongTailedAccuracy', topk=(1, 5))
test_evaluator = val_evaluator

# Learning rates are for 8 GPUs x 64 images; --auto-scale-lr scales them to others.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.12, momentum=0.9, weight_decay=5e-4)
)
param_scheduler = dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)
auto_scale_lr = dict(base_batch_size=512)
train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()

custom_hooks = [
    dict(type='mmgala.ClassCountsHook'),
    dict(type='mmgala.LoadBackboneHook'),
]

# The representation: everything above, but for this. 8 GPUs x 32 images.
stage1 = dict(
    model=dict(
        freeze_backbone=False,
        head=dict(
            type='LinearClsHead',
            loss=dict(_delete_=True, type='CrossEntropyLoss'),
        ),
        train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)),
    ),
    train_dataloader=dict(
        batch_size=32,
        dataset=dict(pipeline=stage1_pipeline),
        sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True),
    ),
    optim_wrapper=dict(optimizer=dict(lr=0.1)),
    param_scheduler=dict(type='CosineAnnealingLR', T_max=180, by_epoch=True),
    auto_scale_lr=dict(base_batch_size=256),
    train_cfg=dict(max_epochs=180, val_interval=10),
    custom_hooks=[dict(type='mmgala.ClassCountsHook')],
)
