_base_ = 'mmpretrain::_base_/default_runtime.py'

# Counts the training images of each class and checks every label.
custom_hooks = [dict(type='mmgala.ClassCountsHook')]

default_hooks = dict(
    # Samples that are added to give all ranks equally many are not counted.
    padding=dict(type='mmgala.PaddingHook'),
    # A training whose loss is no longer a number ends before it is saved.
    divergence=dict(type='mmgala.DivergenceHook'),
    # Checkpoints of every epoch would fill the disk in long trainings.
    checkpoint=dict(max_keep_ckpts=2),
    # The best checkpoint is the one with the smallest ECE, but the largest accuracy.
    metric_rules=dict(type='mmgala.MetricRulesHook'),
)

randomness = dict(seed=0)
