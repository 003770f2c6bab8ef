_base_ = '../cross_entropy/resnet14_digits-lt.py'

# What the authors run on CIFAR10-LT with imbalance factor 100: ten classes, too.
model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='mmgala.VectorScalingLoss',
            num_classes=10,
            gamma=0.2,
            tau=1.2,
        ),
    )
)
