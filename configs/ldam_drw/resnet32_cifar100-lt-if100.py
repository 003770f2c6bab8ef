_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

model = dict(
    head=dict(
        type='mmgala.CosineClsHead',
        loss=dict(_delete_=True, type='mmgala.LDAMLoss'),
        init_cfg=None,  # the head initialises its class weight vectors
    )
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='mmgala.DeferredReweightingHook', begin=0.8),
]
