# A RetinaNet that trains on one CPU core, to compare losses.
_base_ = ['mmdet::_base_/models/retinanet_r50_fpn.py', '_base_/collage_lvis.py']

width = 64
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
    neck=dict(
        in_channels=[32, 64],
        start_level=0,
        add_extra_convs=False,
        out_channels=width,
        num_outs=2,
    ),
    bbox_head=dict(
        num_classes=30,
        in_channels=width,
        feat_channels=width,
        stacked_convs=2,
        norm_cfg=dict(type='GN', num_groups=8),
        anchor_generator=dict(
            octave_base_scale=2.5, scales_per_octave=2, strides=[8, 16]
        ),
    ),
    test_cfg=dict(score_thr=1e-3, max_per_img=300),
)
