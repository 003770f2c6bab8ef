_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

# beta is that of the paper's table 2, which has it for the focal loss.
model = dict(
    head=dict(
        loss=dict(
            _delete_=True, type='mmgala.ClassBalancedLoss', num_classes=100, beta=0.9
        ),
    )
)
