# A Faster R-CNN that trains on one CPU core, to compare losses.
_base_ = ['mmdet::_base_/models/faster-rcnn_r50_fpn.py', '_base_/collage_lvis.py']

width, strides = 64, [8, 16]
model = dict(
    backbone=dict(
        depth=18,
        base_channels=16,
        out_indices=(1, 2),
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        frozen_stages=-1,
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(in_channels=[32, 64], out_channels=width, num_outs=2),
    rpn_head=dict(
        in_channels=width,
        feat_channels=width,
        anchor_generator=dict(scales=[3], strides=strides),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(
            roi_layer=dict(output_size=5, sampling_ratio=2),
            out_channels=width,
            featmap_strides=strides,
            finest_scale=40,
        ),
        bbox_head=dict(
            in_channels=width,
            fc_out_channels=256,
            roi_feat_size=5,
            num_classes=30,
            reg_class_agnostic=True,
        ),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(score_thr=1e-3, max_per_img=300),
    ),
)
