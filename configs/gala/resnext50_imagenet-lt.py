_base_ = '../cross_entropy/resnext50_imagenet-lt.py'

model = dict(
    head=dict(type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss'))
)
