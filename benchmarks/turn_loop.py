"""Training loops that take turns with the loops of other processes.

A process that trains with one of them is started by benchmarks/training_step.py, which
says through a connection when it may take steps, and how many.
"""

import json
import os
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import torch
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop
from step_profile import StepProfile

from mmgala.engine.on_device_train_loop import OnDeviceTrainLoop

CONNECTION = 'MMGALA_TURNS'  # environment variable with the file descriptor


def wait_for(device: torch.device) -> None:
    """Wait until a device has done what was asked of it."""
    if device.type == 'cuda':
        torch.cuda.synchronize()


def turns(runner: Any, device: torch.device) -> Iterator[None]:
    """Wait for turns; to be advanced after each step.

    A turn consists of steps that are not measured, which use up what the workers of
    the data loader have loaded since the last turn, and of steps that are measured.
    """
    connection = Connection(int(os.environ[CONNECTION]))
    answer: dict[str, Any] = {}
    while True:
        connection.send_bytes(json.dumps(answer).encode())
        turn = json.loads(connection.recv_bytes())
        if turn is None:
            raise SystemExit(0)
        for _ in range(turn['skipped']):
            yield
        # On a CPU, time that other processes take is not counted.
        clock = time.perf_counter if device.type == 'cuda' else time.process_time
        profile = StepProfile(runner, clock) if turn['profiled'] else None
        wait_for(device)
        start, cpu_start = time.perf_counter(), time.process_time()
        for _ in range(turn['steps']):
            yield
            if profile is not None:
                profile.step_ended()
        wait_for(device)
        answer = dict(
            seconds=time.perf_counter() - start,
            cpu_seconds=time.process_time() - cpu_start,
        )
        if profile is not None:
            answer['parts'] = profile.end()


class _TakesTurns:
    """Takes a step at a time; the first one is free."""

    runner: Any
    _turns: Iterator[None] | None = None

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Take a step, and wait if the turn is over."""
        super().run_iter(idx, data_batch)  # type: ignore[misc]
        if self._turns is None:
            device = next(self.runner.model.parameters()).device
            self._turns = turns(self.runner, device)
        next(self._turns)


@LOOPS.register_module()
class TurnLoop(_TakesTurns, EpochBasedTrainLoop):
    """MMEngine's loop, in turns."""


@LOOPS.register_module()
class OnDeviceTurnLoop(_TakesTurns, OnDeviceTrainLoop):
    """The loop with images in the memory of the device, in turns."""
