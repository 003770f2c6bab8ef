_base_ = '../cross_entropy/resnet50_inaturalist2018.py'

model = dict(
    head=dict(type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss'))
)
