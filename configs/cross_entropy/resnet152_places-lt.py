# GALA's authors published no recipe for this set. Epochs, batch size, learning rates and
# their schedule, which starts with the full rate in both stages, are those of MiSLAS.
# However, stage 2 of MiSLAS keeps the classifier of stage 1 and trains it with 0.05 of
# the rate; here it is a new one. Stage 1 trains the last stage of an ImageNet model.
_base_ = [
    'mmpretrain::_base_/models/resnet152.py',
    '../_base_/decoupled.py',
]

model = dict(type='mmgala.DecoupledClassifier', head=dict(num_classes=365))
data_preprocessor = dict(num_classes=365)

benchmark = dict(type='mmgala.PlacesLT', data_root='data/places365')
train_dataloader = dict(batch_size=32, dataset=benchmark)
val_dataloader = dict(dataset=benchmark)
test_dataloader = dict(dataset=benchmark)

optim_wrapper = dict(optimizer=dict(lr=0.1))
param_scheduler = dict(_delete_=True, type='CosineAnnealingLR', by_epoch=True)
auto_scale_lr = dict(base_batch_size=256)

stage1 = dict(
    model=dict(
        backbone=dict(
            frozen_stages=3,
            # Or use another file: stage1.model.backbone.init_cfg.checkpoint=FILE
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmclassification/v0/resnet/'
                'resnet152_8xb32_in1k_20210901-4d7582fa.pth',
                prefix='backbone.',
            ),
        )
    ),
    train_cfg=dict(max_epochs=90),
)
