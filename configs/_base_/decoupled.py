# Decoupled training on a large long-tailed set, for 8 GPUs: first the representation
# (stage1 below), then a new classifier on the frozen backbone (this config). Defaults
# are those of ImageNet-LT. tools/train.py runs both stages; load_from skips the first.
_base_ = './default_runtime.py'

data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True
)

# RandAugment as in timm's rand-n2-m10-mstd0.5: unlike in MMPretrain's
# 'timm_increasing', a higher level does not always change an image more. pad_val is
# ImageNet's mean colour, blue first. To use MMPretrain's own operations, set
# train_dataloader.dataset.pipeline.7.policies.4.type=Posterize (always 4 bits, not 3 or
# 4) and train_dataloader.dataset.pipeline.7.hparams.interpolations=[bicubic].
enhance = dict(magnitude_range=(-0.9, 0.9), random_negative_prob=0.0)
geometric = dict(type='mmgala.RandomInterpolation')
shear = dict(**geometric, operation='Shear', magnitude_range=(0, 0.3))
translate = dict(**geometric, operation='Translate', magnitude_range=(0, 0.45))
rand_augment = dict(
    type='RandAugment',
    num_policies=2,
    magnitude_level=10,
    magnitude_std=0.5,
    total_level=10,
    hparams=dict(pad_val=[104, 116, 124], interpolations=['bilinear', 'bicubic']),
    policies=[
        dict(type='AutoContrast'),
        dict(type='Equalize'),
        dict(type='Invert'),
        dict(**geometric, operation='Rotate', magnitude_range=(0, 30)),
        dict(type='mmgala.FlooredPosterize', magnitude_range=(0, 4)),
        dict(type='mmgala.FlooredSolarize', magnitude_range=(0, 256)),
        dict(type='SolarizeAdd', magnitude_range=(0, 110)),
        dict(type='ColorTransform', **enhance),
        dict(type='Contrast', **enhance),
        dict(type='Brightness', **enhance),
        dict(type='Sharpness', **enhance),
        dict(**shear, direction='horizontal'),
        dict(**shear, direction='vertical'),
        dict(**translate, direction='horizontal'),
        dict(**translate, direction='vertical'),
    ],
)
color_jitter = dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4)

# The authors read and resize images with Pillow, as torchvision does. Its bilinear
# interpolation averages over all source pixels when shrinking; that of cv2 does not.
# The EXIF orientation is ignored. For MMPretrain's defaults, set
# imdecode_backend=cv2, color_type=color and backend=cv2 in these steps, for example
# train_dataloader.dataset.pipeline.4.backend=cv2.
load_image = dict(
    type='LoadImageFromFile',
    imdecode_backend='pillow',
    color_type='color_ignore_orientation',
)
crop = dict(type='RandomResizedCrop', scale=224, backend='pillow')

stage1_pipeline = [
    load_image,
    crop,
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    color_jitter,
    dict(type='PackInputs'),
]
train_pipeline = [
    load_image,
    dict(type='NumpyToPIL', to_rgb=True),
    dict(type='torchvision/Pad', padding=4, padding_mode='reflect'),
    dict(type='PILToNumpy', to_bgr=True),
    crop,
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    color_jitter,
    rand_augment,
    dict(type='PackInputs'),
]
test_pipeline = [
    load_image,
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(split='train', pipeline=train_pipeline),
    sampler=dict(type='mmgala.ClassAwareSampler', num_samples_per_class=4),
    # The authors' epoch has int(N / batch size) batches, 226 on ImageNet-LT. With
    # train_dataloader.drop_last=False, the incomplete batch is used as well.
    drop_last=True,
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
# A cosine over all epochs. The authors step it before each epoch, so the first of 10 has
# 0.976 of the learning rate and the last has 0. To match that, the cosine starts after
# one step (last_step=0), for which ConstantLR stores the initial learning rate. With
# param_scheduler.1.last_step=-1, the first epoch has the full learning rate and the last
# of 10 has 0.024 of it.
param_scheduler = [
    dict(type='ConstantLR', factor=1.0, begin=0, end=1, by_epoch=True),
    dict(type='CosineAnnealingLR', last_step=0, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=512)
train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()

custom_hooks = [
    dict(type='mmgala.ClassCountsHook'),
    dict(type='mmgala.LoadBackboneHook'),
]

# The representation, as changes to the config above. 8 GPUs x 32 images.
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
        drop_last=False,
    ),
    optim_wrapper=dict(optimizer=dict(lr=0.1)),
    param_scheduler=dict(_delete_=True, type='CosineAnnealingLR', by_epoch=True),
    auto_scale_lr=dict(base_batch_size=256),
    train_cfg=dict(max_epochs=180, val_interval=10),
    custom_hooks=[dict(type='mmgala.ClassCountsHook')],
)
