_base_ = [
    '../_base_/models/resnet14_cifar.py',
    '../_base_/datasets/digits_lt.py',
    '../_base_/schedules/digits.py',
    '../_base_/default_runtime.py',
]
