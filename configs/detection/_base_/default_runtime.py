_base_ = 'mmdet::_base_/default_runtime.py'

custom_hooks = [
    # Heads and data set need the same number of classes.
    dict(type='NumClassCheckHook'),
    # Counts the training instances of each class and checks every label.
    dict(type='mmgala.ClassCountsHook'),
    # Reduces the statistics of GALA once per step, even on a rank without regions.
    dict(type='mmgala.ReduceStatisticsHook'),
]

# Checkpoints of every epoch would fill the disk in long trainings.
default_hooks = dict(checkpoint=dict(max_keep_ckpts=2))
