_base_ = './cascade-mask-rcnn_r50_fpn_random-ms-1x_lvis-v1.py'

loss_cls = dict(type='mmgala.GALABBoxLoss', num_classes=1203)
heads = [dict(h, loss_cls=loss_cls) for h in _base_.model.roi_head.bbox_head]
model = dict(roi_head=dict(bbox_head=heads))
