_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    '../_base_/decoupled.py',
]

model = dict(type='mmgala.DecoupledClassifier', head=dict(num_classes=8142))

# RandAugment fills with this set's mean colour, blue first.
rand_augment = dict(
    _base_.rand_augment,
    hparams=dict(_base_.rand_augment.hparams, pad_val=[97, 120, 119]),
)
train_pipeline = [*_base_.train_pipeline[:-2], rand_augment, _base_.train_pipeline[-1]]

benchmark = dict(type='mmgala.INaturalist2018', data_root='data/inaturalist2018')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **benchmark))
val_dataloader = dict(dataset=benchmark)
# The labels of the test set are not public: results are those of the validation set.
test_dataloader = dict(dataset=dict(split='val', **benchmark))

# Mean and deviation of this set's colours. The authors' code uses them for test images
# only and normalises training images with ImageNet's. We consider that an error and
# normalise all images alike. To reproduce it, train with
# data_preprocessor.mean=123.675,116.28,103.53
# data_preprocessor.std=58.395,57.12,57.375 and test without these options.
data_preprocessor = dict(
    num_classes=8142, mean=[118.83, 120.105, 96.9], std=[49.725, 49.47, 48.96]
)

optim_wrapper = dict(optimizer=dict(lr=0.2, weight_decay=1e-4))
train_cfg = dict(max_epochs=30)

stage1 = dict(
    optim_wrapper=dict(optimizer=dict(lr=0.1, weight_decay=1e-4)),
    train_cfg=dict(max_epochs=200),
)
