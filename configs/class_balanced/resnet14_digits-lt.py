_base_ = '../cross_entropy/resnet14_digits-lt.py'

model = dict(
    head=dict(
        loss=dict(_delete_=True, type='mmgala.ClassBalancedLoss', num_classes=10),
    )
)
