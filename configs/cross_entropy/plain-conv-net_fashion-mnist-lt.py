_base_ = [
    '../_base_/models/plain_conv_net.py',
    '../_base_/datasets/fashion_mnist_lt.py',
    '../_base_/schedules/fashion_mnist.py',
    '../_base_/default_runtime.py',
]
