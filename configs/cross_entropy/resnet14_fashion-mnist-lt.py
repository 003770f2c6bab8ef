_base_ = [
    '../_base_/models/resnet14_cifar.py',
    '../_base_/datasets/fashion_mnist_lt.py',
    '../_base_/schedules/fashion_mnist.py',
    '../_base_/default_runtime.py',
]

# Grey images; the first stage already halves them, to be fast on CPUs.
model = dict(backbone=dict(in_channels=1, strides=(2, 2, 2)))
