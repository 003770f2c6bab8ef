_base_ = '../cross_entropy/resnet14_digits-lt.py'

# The head starts the bias at -log(9), as the loss requires, and excludes it from weight
# decay.
model = dict(
    head=dict(
        type='mmgala.GALAHead',
        loss=dict(
            _delete_=True,
            type='mmgala.ClassBalancedFocalLoss',
            num_classes=10,
            beta=0.9999,
            gamma=1.0,
        ),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={'head.fc.bias': dict(decay_mult=0.0)})
)
