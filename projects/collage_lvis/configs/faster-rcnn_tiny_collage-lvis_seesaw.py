_base_ = 'faster-rcnn_tiny_collage-lvis.py'

loss = dict(type='SeesawLoss', num_classes=30, p=0.8, q=2.0)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=loss)))
