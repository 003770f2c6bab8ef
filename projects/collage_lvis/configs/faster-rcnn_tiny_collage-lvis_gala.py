_base_ = 'faster-rcnn_tiny_collage-lvis.py'

loss = dict(type='mmgala.GALABBoxLoss', num_classes=30, background='exclude')
model = dict(roi_head=dict(bbox_head=dict(loss_cls=loss)))
