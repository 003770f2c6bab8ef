_base_ = 'faster-rcnn_tiny_collage-lvis_counts-objectness-cosine.py'

# The settings of configs/gala_lead: a label margin and a lambda that grow with the lead.
loss = dict(lambda_pos=1.5, lambda_neg=1.5, label_margin=4.0, lead_memory=10.0)
model = dict(roi_head=dict(bbox_head=dict(loss_cls=loss)))
