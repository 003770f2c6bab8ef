_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

# One stage. The authors use this loss only in their second stage; see
# LabelAwareSmoothingLoss.
# 0.4 and 0.1 are their values for this data set.
model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='mmgala.LabelAwareSmoothingLoss',
            num_classes=100,
            smooth_head=0.4,
            smooth_tail=0.1,
        ),
    )
)
