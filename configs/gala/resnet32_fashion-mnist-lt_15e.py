_base_ = '../cross_entropy/resnet32_fashion-mnist-lt_15e.py'

model = dict(
    head=dict(type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss'))
)
