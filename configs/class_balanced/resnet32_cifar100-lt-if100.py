_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

# beta is from table 2 of the paper, which gives it for focal loss.
model = dict(
    head=dict(
        loss=dict(
            _delete_=True, type='mmgala.ClassBalancedLoss', num_classes=100, beta=0.9
        ),
    )
)
