_base_ = '../cross_entropy/plain-conv-net_fashion-pairs-lt.py'

model = dict(
    head=dict(type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss'))
)
