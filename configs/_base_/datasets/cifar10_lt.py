# CIFAR10-LT: 5,000 training images of class 0 down to 50 of class 9, 12,406 in all.
_base_ = './cifar100_lt.py'

data_root = 'data/cifar10'
data_preprocessor = dict(num_classes=10)

train_dataloader = dict(dataset=dict(dataset=dict(data_root=data_root)))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
