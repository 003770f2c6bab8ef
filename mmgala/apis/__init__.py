"""What a program calls: configs, models, checkpoints and stages of a training."""
