# 20 epochs on one process, SGD with cosine decay.
_base_ = './fashion_mnist.py'

param_scheduler = dict(T_max=20)
train_cfg = dict(max_epochs=20)
