"""The text of the config that ``mmgala start`` writes: short, with reasons, to edit."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmgala.start.backbones import IMAGENET, Backbone
from mmgala.start.rules import RATE_BATCH, Settings

WIDTH = 88
HEADER = """\
# {title}: {images} training images of {classes} classes.
#
# Written by mmgala {version} for: {command}
# It is yours: edit it as you like, it is not written again. All commands take it:
#
#     mmgala train {path}
#     mmgala compare {path} --methods ce gala balanced-softmax
_base_ = 'mmpretrain::_base_/default_runtime.py'

# Where `mmgala train` writes. `mmgala start` writes beside this file.
work_dir = '{{{{ fileDirname }}}}/train'
"""
DATA = """\

# Data. split.csv, beside this file, says which image belongs to which part: edit it to
# move one. Images are read where they are.
num_classes = {classes}
image_size = {size}  # pixels: {size_reason}
images = dict(
    type='mmgala.CSVDataset',
    ann_file='{{{{ fileDirname }}}}/split.csv',
    data_prefix={root!r},
)
"""
PIPELINES = """\

# Training images are cropped, mirrored and coloured at random. Leave out RandomFlip if
# left and right matter, as in writing; add direction='vertical' if up and down do not.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='RandomResizedCrop',
        scale=image_size,
        crop_ratio_range=(0.4, 1.0),
        backend='cv2',
        interpolation='bilinear',
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='ColorJitter', brightness=0.2, contrast=0.2, saturation=0.2),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale={resized}, edge='short'),
    dict(type='CenterCrop', crop_size=image_size),
    dict(type='PackInputs'),
]
"""
LOADERS = """\

# Batch size: {batch_reason}.
batch_size = {batch}
workers = {workers}  # processes that read images; 0 reads them in the training itself
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=workers,
    dataset=dict(split='train', pipeline=train_pipeline, **images),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=workers,
    dataset=dict(split='val', pipeline=test_pipeline, **images),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=workers,
    dataset=dict(split='test', pipeline=test_pipeline, **images),
    sampler=dict(type='DefaultSampler', shuffle=False),
)

# All classes count the same in class_mean, the mean of their accuracies. Many-, medium-
# and few-shot classes have over 100, 20 to 100 and under 20 training images.
val_evaluator = dict(type='mmgala.LongTailedAccuracy')
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
"""
MODEL = """\

# Network: {name}, {weights_reason}.
model = dict(
    type='ImageClassifier',
    backbone={backbone},{neck}
    # GALA needs no class counts: it measures what it needs while it trains.
    head=dict(
        type='mmgala.GALAHead',
        num_classes=num_classes,
        in_channels={channels},
        loss=dict(type='mmgala.GALALoss'),
    ),
)
data_preprocessor = dict(
    num_classes=num_classes,
    mean={mean},
    std={std},
    to_rgb=True,
)
"""
SCHEDULE = """\

# Epochs: {epochs_reason}.
max_epochs = {epochs}
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval={val_interval})
# Learning rate: {base_lr} for batches of {base_batch}, in proportion for others.
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr={lr}, weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,{head_lr}
    ),
)
param_scheduler = [{warmup}
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin={begin},
        T_max=max_epochs - {begin},
        convert_to_iter_based=True,
    ),
]
# `mmgala train --auto-scale-lr` adapts the learning rate to several GPUs.
auto_scale_lr = dict(base_batch_size=batch_size)
"""
WARMUP = """
    dict(
        type='LinearLR',
        by_epoch=True,
        start_factor=0.1,
        end={end},
        convert_to_iter_based=True,
    ),"""
RUNTIME = """\

# The last checkpoint and the best one on the validation part are kept.
default_hooks = dict(
    logger=dict(interval={log_interval}),
    checkpoint=dict(
        interval=1, max_keep_ckpts=1, save_best='accuracy/class_mean', rule='greater'
    ),
)
custom_hooks = [
    dict(type='mmgala.ClassCountsHook'),  # counts the images, and checks every label
    # Records what the report shows of the gradients.
    dict(type='mmgala.GradientStatisticsHook', draw_interval=0),
]
randomness = dict(seed={seed})
"""


def config_text(
    backbone: Backbone,
    settings: Settings,
    *,
    title: str,
    root: Path,
    path: Path,
    classes: int,
    images: int,
    seed: int,
    command: str,
    version: str,
) -> str:
    """The text of a config.

    Args:
        backbone: the network.
        settings: of the training.
        title: name of the data.
        root: folder of the images.
        path: of the config, to be shown in it.
        classes: number of classes.
        images: number of training images.
        seed: of the training.
        command: what the user has called.
        version: of mmgala.
    """
    reasons = settings.reasons
    parts = (
        HEADER.format(
            title=_one_line(title), images=f'{images:,}', classes=classes,
            version=version, command=_one_line(command), path=_one_line(str(path)),
        ),
        DATA.format(
            classes=classes, size=settings.image_size, root=str(root),
            size_reason=reasons['image_size'],
        ),
        PIPELINES.format(resized=round(settings.image_size * 8 / 7)),
        LOADERS.format(
            batch=settings.batch_size, batch_reason=reasons['batch_size'],
            workers=settings.workers,
        ),
        _model(backbone),
        _schedule(backbone, settings),
        RUNTIME.format(log_interval=10, seed=seed),
    )  # fmt: skip
    return ''.join(parts)


def _one_line(text: str) -> str:
    return ' '.join(text.split())


def _model(backbone: Backbone) -> str:
    network: dict[str, Any] = dict(backbone.backbone)
    if backbone.weights:
        network['init_cfg'] = dict(type='Pretrained', checkpoint=backbone.weights)
        if backbone.prefix:
            network['init_cfg']['prefix'] = backbone.prefix
    neck = '' if backbone.neck is None else f'\n    neck={as_code(backbone.neck, 4)},'
    what = (
        f'from the weights {backbone.weights}'
        if backbone.weights
        else 'trained from scratch'
    )
    return MODEL.format(
        name=backbone.name,
        weights_reason=_wrapped(f'{what} ({backbone.reason})'),
        backbone=as_code(network, 4),
        neck=neck,
        channels=backbone.channels,
        **IMAGENET,
    )


def _schedule(backbone: Backbone, settings: Settings) -> str:
    head_lr = ''
    if backbone.weights:
        head_lr = '\n        custom_keys=dict(head=dict(lr_mult=10.0)),  # the new part'
    return SCHEDULE.format(
        epochs=settings.epochs,
        epochs_reason=settings.reasons['epochs'],
        val_interval=settings.val_interval,
        lr=settings.lr,
        base_lr=float(f'{settings.lr / settings.batch_size * RATE_BATCH:.6g}'),
        base_batch=RATE_BATCH,
        head_lr=head_lr,
        begin=settings.warmup,
        warmup=WARMUP.format(end=settings.warmup) if settings.warmup else '',
    )


def _wrapped(text: str) -> str:
    """A long comment on several lines."""
    return '\n# '.join(textwrap.wrap(text, WIDTH - 22, break_long_words=False))


def as_code(value: Any, indent: int = 0) -> str:
    """A value as Python code, dicts as calls of ``dict``.

    Examples:
        >>> as_code({'type': 'ResNet', 'depth': 18})
        "dict(type='ResNet', depth=18)"
    """
    if isinstance(value, Mapping):
        if not all(str(key).isidentifier() for key in value):
            return repr(value)
        items = [f'{key}={as_code(item, indent + 4)}' for key, item in value.items()]
        short = f'dict({", ".join(items)})'
        if len(short) + indent + 12 <= WIDTH:
            return short
        space = ' ' * (indent + 4)
        return 'dict(\n' + ''.join(f'{space}{i},\n' for i in items) + ' ' * indent + ')'
    if isinstance(value, (list, tuple)) and any(isinstance(v, Mapping) for v in value):
        inner = ', '.join(as_code(item, indent + 4) for item in value)
        return f'[{inner}]'
    return repr(value)
