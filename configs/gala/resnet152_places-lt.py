_base_ = '../cross_entropy/resnet152_places-lt.py'

model = dict(
    head=dict(type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss'))
)
