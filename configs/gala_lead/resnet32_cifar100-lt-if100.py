_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

model = dict(
    head=dict(
        type='mmgala.CosineClsHead',
        scale=15.0,
        loss=dict(
            _delete_=True,
            type='mmgala.GALALoss',
            lambda_pos=1.5,
            lambda_neg=1.5,
            count_share=1.0,
            label_margin=4.0,
            lead_memory=10.0,
        ),
        init_cfg=None,  # the head initialises its class weight vectors
    )
)
