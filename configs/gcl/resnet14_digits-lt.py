_base_ = '../cross_entropy/resnet14_digits-lt.py'

# The first of the authors' two stages; for the second, and mixup, see GCLLoss.
model = dict(
    head=dict(
        type='mmgala.CosineClsHead',
        loss=dict(_delete_=True, type='mmgala.GCLLoss'),
    )
)
