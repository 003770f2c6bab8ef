_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

# As later work sets it on this data set, which the authors' page has no command for.
model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='mmgala.VectorScalingLoss',
            num_classes=100,
            gamma=0.05,
            tau=0.75,
        ),
    )
)
