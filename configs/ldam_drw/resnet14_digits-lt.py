_base_ = '../cross_entropy/resnet14_digits-lt.py'

model = dict(
    head=dict(
        type='mmgala.CosineClsHead',
        loss=dict(_delete_=True, type='mmgala.LDAMLoss'),
    )
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='mmgala.DeferredReweightingHook', begin=0.8),
]
