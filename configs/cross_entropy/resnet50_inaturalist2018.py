_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    '../_base_/decoupled.py',
]

model = dict(type='mmgala.DecoupledClassifier', head=dict(num_classes=8142))

benchmark = dict(type='mmgala.INaturalist2018', data_root='data/inaturalist2018')
train_dataloader = dict(dataset=benchmark)
val_dataloader = dict(dataset=benchmark)
# The labels of the test set are not public: figures are those of the validation set.
test_dataloader = dict(dataset=dict(split='val', **benchmark))

# Of the images' colours, as this benchmark's recipes have them.
data_preprocessor = dict(
    num_classes=8142, mean=[118.83, 120.105, 96.9], std=[49.725, 49.47, 48.96]
)

optim_wrapper = dict(optimizer=dict(lr=0.2, weight_decay=1e-4))
param_scheduler = dict(T_max=30)
train_cfg = dict(max_epochs=30)

stage1 = dict(
    optim_wrapper=dict(optimizer=dict(lr=0.1, weight_decay=1e-4)),
    param_scheduler=dict(T_max=200),
    train_cfg=dict(max_epochs=200),
)
