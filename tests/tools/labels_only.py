"""A model that predicts labels without scores."""

import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS


@MODELS.register_module(force=True)
class LabelsOnly(BaseModel):
    """Predicts class 0."""

    def __init__(self, data_preprocessor=None):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return [sample.set_pred_label(0) for sample in data_samples]
