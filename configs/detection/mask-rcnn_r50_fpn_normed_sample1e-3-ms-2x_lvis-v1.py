_base_ = './mask-rcnn_r50_fpn_sample1e-3-ms-2x_lvis-v1.py'

# Cosine classifier, as in MMDetection's configs of Seesaw loss.
normed = dict(type='NormedLinear', temperature=20)
model = dict(roi_head=dict(bbox_head=dict(cls_predictor_cfg=normed)))
