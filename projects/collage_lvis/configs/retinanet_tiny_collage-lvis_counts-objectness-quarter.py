_base_ = 'retinanet_tiny_collage-lvis_gala-objectness-quarter.py'

# Balanced softmax on the foreground anchors that training has seen, instead of GALA.
model = dict(bbox_head=dict(loss_cls=dict(count_share=1.0)))
