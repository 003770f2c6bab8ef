_base_ = 'faster-rcnn_tiny_collage-lvis_counts-objectness-cosine.py'

# The settings of configs/gala_margin: a label margin that waits for no lead.
loss = dict(lambda_pos=1.5, lambda_neg=1.5, label_margin=3.0)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=loss)))
