_base_ = [
    'mmdet::_base_/models/retinanet_r50_fpn.py',
    './_base_/lvis_v1_sample1e-3.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    './_base_/default_runtime.py',
]
many_detections = dict(score_thr=1e-4, max_per_img=300)
model = dict(bbox_head=dict(num_classes=1203), test_cfg=many_detections)
val_evaluator = test_evaluator = dict(metric='bbox')
optim_wrapper = dict(optimizer=dict(lr=0.01))
