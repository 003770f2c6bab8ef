_base_ = 'faster-rcnn_tiny_collage-lvis.py'

# A control experiment: the form of background without GALA's margins.
loss = dict(
    type='mmgala.GALABBoxLoss',
    num_classes=30,
    background='objectness',
    lambda_pos=0.0,
    lambda_neg=0.0,
)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=loss)))
