_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

# The head starts the bias at -log(99), as the loss requires, and excludes it from weight
# decay. beta and gamma are from table 2 of the paper.
model = dict(
    head=dict(
        type='mmgala.GALAHead',
        loss=dict(
            _delete_=True,
            type='mmgala.ClassBalancedFocalLoss',
            num_classes=100,
            beta=0.9,
            gamma=1.0,
        ),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={'head.fc.bias': dict(decay_mult=0.0)})
)
