# Repeat-factor sampling: images of rare classes are repeated within an epoch.
_base_ = 'mmdet::_base_/datasets/lvis_v1_instance.py'

train_dataloader = dict(dataset=dict(dataset=dict(type='mmgala.LVISDataset')))
val_dataloader = dict(dataset=dict(type='mmgala.LVISDataset'))
test_dataloader = val_dataloader
val_evaluator = dict(type='mmgala.LVISMetric')
test_evaluator = val_evaluator
