"""MMEngine's runner on small class folders."""

import uuid

from mmengine.runner import Runner

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]


def folder_loader(root, shuffle=False, **options):
    dataset = dict(type='CustomDataset', data_root=str(root), pipeline=PIPELINE)
    return dict(
        dataset={**dataset, **options},
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=shuffle),
        collate_fn=dict(type='default_collate'),
    )


def folder_config(work_dir, num_classes, epochs=1, **loaders):
    """Arguments of a runner of a tiny network.

    Args:
        work_dir: folder for all output.
        num_classes: of the head.
        epochs: of the training.
        **loaders: configs of the data loaders by split.
    """
    metric = dict(type='mmgala.ScoreDump')
    config = dict(
        model=dict(
            type='ImageClassifier',
            backbone=dict(type='mmgala.CIFARResNet', depth=20, base_channels=2),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(
                type='LinearClsHead',
                num_classes=num_classes,
                in_channels=8,
                topk=(1,),
                loss=dict(type='CrossEntropyLoss'),
            ),
            data_preprocessor=dict(type='ClsDataPreprocessor', mean=[128], std=[128]),
        ),
        work_dir=str(work_dir),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)),
        default_scope='mmpretrain',
        experiment_name=uuid.uuid4().hex,  # otherwise runners share a logger
        randomness=dict(seed=0),
    )
    for split, loader in loaders.items():
        config[f'{split}_dataloader'] = loader
        config[f'{split}_cfg'] = dict()
        if split != 'train':
            config[f'{split}_evaluator'] = metric
    if 'train' in loaders:
        config['train_cfg'] = dict(by_epoch=True, max_epochs=epochs)
        config['optim_wrapper'] = dict(optimizer=dict(type='SGD', lr=0.01))
    return config


def folder_runner(work_dir, num_classes, **options):
    """Runner with ``ClassCountsHook``; see :func:`folder_config`."""
    hooks = options.pop('custom_hooks', [dict(type='mmgala.ClassCountsHook')])
    more = {k: options.pop(k) for k in ('load_from', 'resume') if k in options}
    config = folder_config(work_dir, num_classes, **options)
    return Runner(**config, **more, custom_hooks=hooks)
