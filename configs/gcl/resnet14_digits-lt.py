_base_ = '../cross_entropy/resnet14_digits-lt.py'

model = dict(
    head=dict(
        type='mmgala.CosineClsHead',
        loss=dict(_delete_=True, type='mmgala.GCLLoss'),
    )
)
