_base_ = '../cross_entropy/resnet32_cifar10-lt-if10.py'

model = dict(
    head=dict(type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss'))
)
