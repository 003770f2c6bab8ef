_base_ = [
    'mmdet::_base_/models/mask-rcnn_r50_fpn.py',
    './_base_/lvis_v1_sample1e-3.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    './_base_/default_runtime.py',
]
head = dict(num_classes=1203)
model = dict(
    roi_head=dict(bbox_head=head, mask_head=head),
    test_cfg=dict(rcnn=dict(score_thr=1e-4, max_per_img=300)),
)
