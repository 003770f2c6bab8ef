_base_ = 'retinanet_tiny_collage-lvis.py'

# A control experiment: the form of background without GALA's margins.
loss = dict(
    type='mmgala.GALAObjectnessLoss',
    num_classes=30,
    lambda_pos=0.0,
    lambda_neg=0.0,
    class_loss_weight=1.0,
    use_sigmoid=False,
)
model = dict(bbox_head=dict(loss_cls=loss))
