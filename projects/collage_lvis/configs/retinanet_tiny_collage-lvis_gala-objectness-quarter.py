_base_ = 'retinanet_tiny_collage-lvis_gala-objectness.py'

# Boxes and objectness get a larger share of the gradients of the shared layers.
model = dict(bbox_head=dict(loss_cls=dict(class_loss_weight=0.25)))
