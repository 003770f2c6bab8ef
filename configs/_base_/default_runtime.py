_base_ = 'mmpretrain::_base_/default_runtime.py'

# Counts the training images of each class and checks every label.
custom_hooks = [dict(type='mmgala.ClassCountsHook')]

# Checkpoints of every epoch would fill the disk in long trainings.
default_hooks = dict(checkpoint=dict(max_keep_ckpts=2))

randomness = dict(seed=0)
