_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

# The first of the authors' two stages; for the second, and mixup, see GCLLoss.
model = dict(
    head=dict(
        type='mmgala.CosineClsHead',
        loss=dict(_delete_=True, type='mmgala.GCLLoss'),
        init_cfg=None,  # the head initialises its class weight vectors
    )
)
