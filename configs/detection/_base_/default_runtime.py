_base_ = 'mmdet::_base_/default_runtime.py'

custom_hooks = [
    # Heads and data set have to agree about the number of classes.
    dict(type='NumClassCheckHook'),
    # Counts the annotated training instances of each class, and checks every label.
    dict(type='mmgala.ClassCountsHook'),
    # Statistics of GALA are reduced once a step, also on a rank without any region.
    dict(type='mmgala.ReduceStatisticsHook'),
]

# A checkpoint every epoch would fill the disk with long trainings.
default_hooks = dict(checkpoint=dict(max_keep_ckpts=2))
