_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

# Settings of later work, as the authors publish no command for this data set.
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
