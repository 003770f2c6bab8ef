_base_ = 'mmdet::_base_/default_runtime.py'

custom_hooks = [
    # Heads and data set need the same number of classes.
    dict(type='NumClassCheckHook'),
    # Counts the training instances of each class and checks every label.
    dict(type='mmgala.ClassCountsHook'),
    # Reduces the statistics of GALA once per step, even on a rank without regions.
    dict(type='mmgala.ReduceStatisticsHook'),
]

default_hooks = dict(
    # Checkpoints of every epoch would fill the disk in long trainings.
    checkpoint=dict(max_keep_ckpts=2),
    # Compares the metric of save_best in the right direction.
    metric_rules=dict(type='mmgala.MetricRulesHook'),
)
