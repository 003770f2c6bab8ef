_base_ = [
    'mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py',
    './_base_/lvis_v1_sample1e-3.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    './_base_/default_runtime.py',
]
heads = [dict(h, num_classes=1203) for h in _base_.model.roi_head.bbox_head]
model = dict(
    roi_head=dict(bbox_head=heads, mask_head=dict(num_classes=1203)),
    test_cfg=dict(rcnn=dict(score_thr=1e-4, max_per_img=300)),
)
