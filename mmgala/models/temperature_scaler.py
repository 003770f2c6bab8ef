"""Temperature scaling as a module that is deployed with the model."""

from typing import Any

import torch
from torch import Tensor

from mmgala.functional.post_hoc import check_temperature, temperature_scale
from mmgala.models.float32_buffers import Float32BuffersMixin
from mmgala.models.prior_adjuster import tell_of_change
from mmgala.registry import MODELS


@MODELS.register_module()
class TemperatureScaler(Float32BuffersMixin):
    """Divide the logits by a temperature, which is saved with the model.

    See :func:`mmgala.functional.temperature_scale` (Guo et al., ICML 2017, arXiv
    1706.04599, section 4.2).

    Args:
        temperature: above 0. Above 1 makes scores less certain.

    Raises:
        ValueError: on a wrong temperature.

    Examples:
        >>> TemperatureScaler(2.0).transform(torch.tensor([[0.8, 0.2]]))
        tensor([[0.6667, 0.3333]])
    """

    temperature: Tensor

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        check_temperature(temperature)
        self.register_buffer('temperature', torch.tensor(float(temperature)))

    @property
    def fitted(self) -> bool:
        """Always: any temperature will do."""
        return True

    def transform(self, scores: Tensor) -> Tensor:
        """Scale softmax scores.

        Args:
            scores: ``(N, C)``, rows summing to 1.

        Returns:
            ``(N, C)``, rows summing to 1.

        Raises:
            ValueError: if they are no probabilities.
        """
        return temperature_scale(scores, float(self.temperature))

    def adjust(self, logits: Tensor) -> Tensor:
        """Scale logits: their softmax is :meth:`transform` of their softmax.

        Args:
            logits: ``(N, C)``.

        Returns:
            ``(N, C)``, float32 or wider.
        """
        wide = torch.promote_types(logits.dtype, torch.float32)
        return logits.to(wide) / self.temperature

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        stored = state_dict.get(prefix + 'temperature')
        tell_of_change('Scaling', 'temperature', self.temperature, stored)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        """State, for ``print(model)``."""
        return f'temperature={float(self.temperature):g}'
