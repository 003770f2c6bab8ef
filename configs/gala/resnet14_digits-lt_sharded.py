# Each rank has some of the classes. Start it with several ranks:
# tools/dist_train.sh configs/gala/resnet14_digits-lt_sharded.py 2
_base_ = './resnet14_digits-lt.py'

model = dict(head=dict(shard_classes=True))
model_wrapper_cfg = dict(type='mmgala.ClassShardsDataParallel')
custom_hooks = [
    dict(type='mmgala.ClassCountsHook'),
    dict(type='mmgala.ClassShardsHook'),
]
