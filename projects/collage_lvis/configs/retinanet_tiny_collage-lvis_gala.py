_base_ = 'retinanet_tiny_collage-lvis.py'

loss = dict(type='mmgala.GALASigmoidLoss', num_classes=30, background='exclude')
model = dict(bbox_head=dict(loss_cls=loss))
