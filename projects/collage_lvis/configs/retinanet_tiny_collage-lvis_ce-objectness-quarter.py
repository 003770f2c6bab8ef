_base_ = 'retinanet_tiny_collage-lvis_ce-objectness.py'

# A control experiment: the same share of the classes, without GALA's margins.
model = dict(bbox_head=dict(loss_cls=dict(class_loss_weight=0.25)))
