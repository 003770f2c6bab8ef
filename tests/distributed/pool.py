"""Processes that are started once and play the ranks of many small gloo groups."""

import os
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing

from mmgala.comparison.processes import PRELOADED
from tests.global_state import global_state_restored
from tests.plain_config_text import plain_config_text

START_LIMIT = 240.0  # seconds to import everything, on a machine that is busy
JOB_LIMIT = 120.0  # seconds for one job
COLLECTIVE_LIMIT = timedelta(seconds=60)


class RankPool:
    """Run a function on the ranks of a gloo group.

    Nothing waits without a limit: collectives, jobs and the end of a process have
    one, and processes that exceed it are killed and started anew.

    Args:
        size: number of processes, the largest world.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._folder = tempfile.TemporaryDirectory(prefix='mmgala_ranks_')
        self._jobs = 0
        self._ranks: list[tuple[Any, Connection]] = []

    def run(self, function: Callable, world_size: int, **kwargs: Any) -> list:
        """Call ``function(rank, world_size, **kwargs)`` on every rank.

        Args:
            function: of a module, so that a fresh process can import it.
            world_size: number of ranks, at most ``size``.
            **kwargs: picklable.

        Returns:
            What each rank returned, by rank.
        """
        self._start()
        self._jobs += 1
        store = Path(self._folder.name) / f'store_{self._jobs}'
        for rank in range(world_size):
            job = (function, rank, world_size, f'file://{store}', kwargs)
            self._ranks[rank][1].send(job)
        return self._receive(world_size, JOB_LIMIT)

    def close(self) -> None:
        """End the processes."""
        self._kill()
        self._folder.cleanup()

    def _start(self) -> None:
        if self._ranks:
            return
        # Forked from a process that has imported everything, once for all ranks. The
        # tests of comparisons start such a process too, and a program can have one.
        context = torch.multiprocessing.get_context('forkserver')
        context.set_forkserver_preload(list(PRELOADED))
        for _ in range(self.size):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there,), daemon=True)
            process.start()
            there.close()
            self._ranks.append((process, here))
        self._receive(self.size, START_LIMIT)

    def _receive(self, world_size: int, limit: float) -> list:
        try:
            answers = self._answers(world_size, limit)
        except BaseException:  # late, dead or interrupted: the others are stuck
            self._kill()
            raise
        errors = [f'rank {rank} failed:\n{a[0]}' for rank, a in answers if a[0]]
        if errors:
            raise RuntimeError('\n'.join(errors))
        return [result for _, (_, result) in answers]

    def _answers(self, world_size: int, limit: float) -> list[tuple[int, tuple]]:
        answers: dict[int, tuple] = {}
        waiting = {self._ranks[rank][1]: rank for rank in range(world_size)}
        end = time.monotonic() + limit
        while waiting:
            ready = wait(list(waiting), timeout=max(0.0, end - time.monotonic()))
            if not ready:
                late = sorted(waiting.values())
                raise TimeoutError(f'ranks {late} did not answer in {limit:g} s')
            for connection in ready:
                rank = waiting.pop(connection)
                try:
                    answers[rank] = connection.recv()
                except (EOFError, ConnectionError) as error:
                    raise RuntimeError(f'the process of rank {rank} died') from error
        return sorted(answers.items())

    def _kill(self) -> None:
        for process, connection in self._ranks:
            connection.close()
            process.kill()
            process.join(timeout=10)
        self._ranks = []


def _serve(connection: Connection) -> None:
    """Main function of a process: one job after the other, until it is killed."""
    os.environ.setdefault('GLOO_SOCKET_IFNAME', 'lo')
    torch.set_num_threads(1)
    plain_config_text().start()
    connection.send((None, None))
    while True:
        try:
            answer = None, _run(*connection.recv())
        except EOFError:  # the tests are over
            return
        except BaseException:
            answer = traceback.format_exc(), None
        connection.send(answer)


def _run(
    function: Callable, rank: int, world_size: int, store: str, kwargs: dict
) -> Any:
    dist.init_process_group(
        'gloo',
        init_method=store,
        rank=rank,
        world_size=world_size,
        timeout=COLLECTIVE_LIMIT,
    )
    try:
        dist.barrier()  # a rank that fails at once must not cut off one that connects
        with global_state_restored():  # an interrupted runner leaves its message hub
            return function(rank, world_size, **kwargs)
    finally:
        dist.destroy_process_group()
