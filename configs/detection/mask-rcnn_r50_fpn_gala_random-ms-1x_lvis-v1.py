_base_ = './mask-rcnn_r50_fpn_random-ms-1x_lvis-v1.py'

loss_cls = dict(type='mmgala.GALABBoxLoss', num_classes=1203)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=loss_cls)))
