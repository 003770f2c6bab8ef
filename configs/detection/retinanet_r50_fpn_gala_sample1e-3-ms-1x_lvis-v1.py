_base_ = './retinanet_r50_fpn_sample1e-3-ms-1x_lvis-v1.py'

loss_cls = dict(type='mmgala.GALAObjectnessLoss', num_classes=1203, use_sigmoid=False)
model = dict(bbox_head=dict(loss_cls=loss_cls))
