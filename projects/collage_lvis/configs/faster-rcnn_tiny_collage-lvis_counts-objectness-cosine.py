_base_ = 'faster-rcnn_tiny_collage-lvis_counts-objectness.py'

# Logits are cosines times 15 plus a bias.
normed = dict(type='NormedLinear', temperature=15)
model = dict(roi_head=dict(bbox_head=dict(cls_predictor_cfg=normed)))
