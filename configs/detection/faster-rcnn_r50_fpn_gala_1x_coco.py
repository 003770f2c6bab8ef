_base_ = './faster-rcnn_r50_fpn_1x_coco.py'

loss_cls = dict(type='mmgala.GALABBoxLoss', num_classes=80)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=loss_cls)))
