_base_ = 'faster-rcnn_tiny_collage-lvis_gala-objectness.py'

# Balanced softmax on the foreground regions that training has seen, instead of GALA.
model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(count_share=1.0))))
