_base_ = 'retinanet_tiny_collage-lvis.py'

loss = dict(
    type='mmgala.GALAObjectnessLoss',
    num_classes=30,
    class_loss_weight=1.0,
    use_sigmoid=False,
)
model = dict(bbox_head=dict(loss_cls=loss))
