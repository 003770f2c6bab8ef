_base_ = '../cross_entropy/resnet14_digits-lt.py'

# One stage: its authors use this loss in their second stage alone, for which see
# LabelAwareSmoothingLoss. 0.3 and 0 are theirs for CIFAR10-LT with imbalance factor 100.
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
