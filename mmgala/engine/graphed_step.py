"""A training step recorded once as a CUDA graph, and replayed for further batches."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmpretrain.structures import DataSample
from torch import Tensor

Outputs = dict[str, Tensor]
Recording = Callable[[Callable[[], Outputs]], tuple[Outputs, Callable[[], None]]]


class GraphedStep:
    """``model.train_step`` as a CUDA graph.

    In small networks, the time of a step is that of launching its several hundred
    kernels from Python. A graph launches them all at once. It repeats the recorded
    kernels on the memory of the recorded step, so each batch is copied there first.

    A recorded step knows neither changed settings of the optimizer nor attributes that
    a hook has changed. It is therefore recorded again after :meth:`forget`, which the
    loop calls in every epoch, after changes of the learning rate or other settings of
    the optimizer, and for batches of another size. Two equal steps in a row are needed
    before it is recorded; the others run as usual.

    Args:
        model: model to train, whose step reads no value of a tensor and whose loss
            depends on the inputs and class indices only.
        optim_wrapper: its optimizer. Adam and its relatives need ``capturable=True``.
        recording: records a step: returns what the step returned, and a function
            that repeats it. Defaults to a CUDA graph.
    """

    def __init__(
        self,
        model: BaseModel,
        optim_wrapper: OptimWrapper,
        recording: Recording | None = None,
    ) -> None:
        self._model = model
        self._optim_wrapper = optim_wrapper
        self._stream = None if recording else torch.cuda.Stream()
        self._record = recording or self._record_graph
        self._inputs: Tensor | None = None
        self._labels: Tensor | None = None
        self.forget()

    def forget(self) -> None:
        """Record the step again before it is next replayed."""
        self._replay: Callable[[], None] | None = None
        self._outputs: Outputs = {}
        self._recorded: tuple | None = None  # settings of the recorded step
        self._last: tuple | None = None  # settings of the step before

    @contextmanager
    def side_stream(self) -> Iterator[None]:
        """Context of all steps: graphs cannot be recorded on the default stream."""
        if self._stream is None:
            yield
            return
        before = torch.cuda.current_stream()
        self._stream.wait_stream(before)
        with torch.cuda.stream(self._stream):
            yield
        before.wait_stream(self._stream)

    def batch(self, inputs: Tensor, labels: Tensor) -> dict[str, Any]:
        """Copy a batch to the memory of the graph.

        Args:
            inputs: images, ``(N, C, H, W)`` uint8.
            labels: class indices, ``(N,)`` int64.

        Returns:
            The batch as the model expects it. Its samples have labels only.
        """
        if self._inputs is None or self._inputs.shape != inputs.shape:
            self.forget()
            self._inputs, self._labels = inputs.clone(), labels.clone()
            self._samples = [
                DataSample().set_gt_label(label) for label in self._labels.split(1)
            ]
        assert self._labels is not None
        self._inputs.copy_(inputs)
        self._labels.copy_(labels)
        return dict(inputs=self._inputs, data_samples=self._samples)

    def __call__(self, batch: dict[str, Any]) -> Outputs:
        """Train on a batch returned by :meth:`batch`; return the logged losses."""
        settings = (batch['inputs'].shape, *_settings(self._optim_wrapper))
        equal, self._last = settings == self._last, settings
        if self._replay is None or settings != self._recorded:
            if not equal:
                return self._step(batch)
            self.forget()
            self._outputs, self._replay = self._record(lambda: self._step(batch))
            self._recorded = settings
        self._replay()
        return self._outputs

    def _step(self, batch: dict[str, Any]) -> Outputs:
        # New samples, as the preprocessor and other parts of a model modify them.
        samples = [sample.clone() for sample in batch['data_samples']]
        outputs = self._model.train_step(
            dict(batch, data_samples=samples), self._optim_wrapper
        )
        return {name: value.detach() for name, value in outputs.items()}

    def _record_graph(
        self, step: Callable[[], Outputs]
    ) -> tuple[Outputs, Callable[[], None]]:
        graph = torch.cuda.CUDAGraph()
        context: AbstractContextManager = torch.cuda.graph(
            graph, stream=self._stream, capture_error_mode='thread_local'
        )
        with context:
            outputs = step()
        return outputs, graph.replay


def _settings(optim_wrapper: OptimWrapper) -> Iterator[Any]:
    """Settings of all parameter groups; kernels are recorded with their values."""
    for group in optim_wrapper.param_groups:
        for name, value in group.items():
            if name != 'params':
                yield value
