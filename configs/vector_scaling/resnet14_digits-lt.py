_base_ = '../cross_entropy/resnet14_digits-lt.py'

# The authors' settings for CIFAR10-LT with imbalance factor 100, also ten classes.
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
