_base_ = 'mmpretrain::_base_/default_runtime.py'

# Counts the training classes for many/medium/few, and checks every label.
custom_hooks = [dict(type='mmgala.ClassCountsHook')]

# A checkpoint every epoch would fill the disk with long trainings.
default_hooks = dict(checkpoint=dict(max_keep_ckpts=2))

randomness = dict(seed=0)
