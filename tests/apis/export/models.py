"""Small classifiers and files of them, for the tests of the export."""

import torch
from mmpretrain.models import ImageClassifier
from torch import nn

from mmgala.models import (
    LogitAdjuster,
    PlainConvNet,
    PostHocChain,
    PredictionRebalancer,
    TemperatureScaler,
)

COUNTS = [500.0, 120.0, 40.0, 2.0]
MASS = [50.0, 20.0, 10.0, 0.5]
PRIOR = [0.4, 0.3, 0.3, 0.0]
STEPS = {
    'none': lambda: None,
    'logit adjustment': lambda: LogitAdjuster(0.8, COUNTS),
    're-balancing': lambda: PredictionRebalancer(1.2, MASS, PRIOR),
    'temperature': lambda: TemperatureScaler(1.5),
    'all': lambda: PostHocChain(
        [LogitAdjuster(0.8, COUNTS), PredictionRebalancer(1.2, MASS), scaler()]
    ),
}


def scaler():
    return TemperatureScaler(1.5)


def classifier(head, channels=3, **preprocessor):
    """A model for images of 8 x 8 pixels, on features of width 6."""
    settings = dict(mean=[100.0, 110, 120], std=[50.0, 60, 70]) | preprocessor
    model = ImageClassifier(
        backbone=PlainConvNet(channels, (6,), (2,), (1, 1)),
        head=head,
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', **settings),
    )
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean)
    for parameter in head.fc.parameters():
        nn.init.normal_(parameter)
    return model.eval()


def pixels(number=5, channels=3):
    """Random images as uint8."""
    return torch.randint(0, 256, (number, channels, 8, 8), dtype=torch.uint8)


def predicted(model, images):
    """Scores that the model itself predicts for images from a pipeline."""
    samples = model.test_step(dict(inputs=images))
    return torch.stack([sample.pred_score for sample in samples]).detach()
