_base_ = '../cross_entropy/resnet14_digits-lt.py'

# One stage. The authors use this loss only in their second stage; see
# LabelAwareSmoothingLoss.
# 0.3 and 0 are their values for CIFAR10-LT with imbalance factor 100.
model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='mmgala.LabelAwareSmoothingLoss',
            num_classes=10,
            smooth_head=0.3,
            smooth_tail=0.0,
        ),
    )
)
