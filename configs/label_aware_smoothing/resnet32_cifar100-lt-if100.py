_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

model = dict(
    head=dict(
        loss=dict(
            _delete_=True, type='mmgala.LabelAwareSmoothingLoss', num_classes=100
        ),
    )
)
