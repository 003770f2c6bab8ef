_base_ = [
    'mmpretrain::_base_/models/resnext50_32x4d.py',
    '../_base_/decoupled.py',
]

model = dict(type='mmgala.DecoupledClassifier')
data_preprocessor = dict(num_classes=1000)

benchmark = dict(type='mmgala.ImageNetLT', data_root='data/imagenet')
train_dataloader = dict(dataset=benchmark)
val_dataloader = dict(dataset=benchmark)
test_dataloader = dict(dataset=benchmark)
