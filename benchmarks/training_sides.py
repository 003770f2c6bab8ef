"""Trainings that are compared by training_step.py: their configs, data and processes.

All trainings of a model have the same network, images, loader, optimizer and schedule.
``MMPretrain`` is its own ``tools/train.py`` with cross-entropy, its own runtime and
nothing of this project but, for ResNet-32, network and data set. ``mmgala`` is the
command ``mmgala train`` with GALA and everything that its configs add.
"""

import json
import os
import pty
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from generated_images import write_arrays, write_jpegs

ROOT = Path(__file__).resolve().parents[1]
SILENCE = 300  # seconds after which a process does not answer
BASE = ROOT / 'configs' / '_base_'
RUNTIMES = {
    'MMPretrain': 'mmpretrain::_base_/default_runtime.py',
    'mmgala': str(BASE / 'default_runtime.py'),
}
GALA = """
model = dict(
    head=dict(type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss'))
)
"""
# Both validate and save after the measured steps, if they ever got there.
COMMON = """
custom_imports = dict(imports=['mmgala.registry', 'turn_loop'])
train_cfg = dict(_delete_=True, type={loop!r}, max_epochs=1000)
val_cfg = val_dataloader = val_evaluator = None
test_cfg = test_dataloader = test_evaluator = None
default_hooks = dict(checkpoint=dict(interval=1000, save_last=False))
train_dataloader = dict(
    batch_size={batch},
    num_workers={workers},
    persistent_workers={persistent},
    pin_memory={pinned},
    dataset=dict({dataset}),
)
"""
PROGRAMS = {
    # What `mmgala train` and MMPretrain's tools/train.py run.
    'mmgala': 'from mmgala.cli.main import main; main()',
    'MMPretrain': (
        'import runpy, mmpretrain; '
        "runpy.run_path(f'{mmpretrain.__path__[0]}/.mim/tools/train.py', "
        "run_name='__main__')"
    ),
}


@dataclass(frozen=True)
class Network:
    """A network with its data.

    Attributes:
        title: name in tables.
        bases: config files of the network, data and schedule.
        classes: number of classes.
        amp: whether to train in mixed precision on a GPU.
        batch: batch size on CPU and GPU.
        steps: measured steps of a turn on CPU and GPU.
        workers: loader workers on a GPU; on a CPU, there are none.
    """

    title: str
    bases: tuple[str, ...]
    classes: int
    amp: bool
    batch: dict[str, int]
    steps: dict[str, int]
    workers: int


NETWORKS = {
    'resnet32': Network(
        'ResNet-32, 32 x 32',
        (
            str(BASE / 'models' / 'resnet32_cifar.py'),
            str(BASE / 'datasets' / 'cifar100_lt.py'),
            str(BASE / 'schedules' / 'cifar_200e.py'),
        ),
        classes=100,
        amp=False,
        batch=dict(cpu=64, cuda=64),
        steps=dict(cpu=2, cuda=40),
        workers=4,
    ),
    'resnet50': Network(
        'ResNet-50, 224 x 224',
        (
            'mmpretrain::_base_/models/resnet50.py',
            'mmpretrain::_base_/datasets/imagenet_bs32.py',
            'mmpretrain::_base_/schedules/imagenet_bs256.py',
        ),
        classes=1000,
        amp=True,
        batch=dict(cpu=4, cuda=64),
        steps=dict(cpu=1, cuda=12),
        workers=8,
    ),
}


def write_data(name: str, folder: Path) -> None:
    """Generate the images of a network."""
    folder.mkdir()
    if name == 'resnet32':
        write_arrays(folder, 50_000, NETWORKS[name].classes)
    else:
        write_jpegs(folder, NETWORKS[name].classes)


@dataclass
class Side:
    """A training in a process of its own.

    Attributes:
        network: key of ``NETWORKS``.
        name: name in tables.
        program: key of ``PROGRAMS``.
        device: ``'cpu'`` or ``'cuda'``.
        on_device: train on images in the memory of the device.
        seconds: time of each turn.
        cpu_seconds: time of its thread in each turn.
        parts: seconds of each part of the steps that were profiled.
    """

    network: str
    name: str
    program: str
    device: str
    on_device: bool = False
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """Number of processes that load images."""
        return NETWORKS[self.network].workers if self.device == 'cuda' else 0

    @property
    def batch(self) -> int:
        """Images of a step."""
        return NETWORKS[self.network].batch[self.device]

    @property
    def steps(self) -> int:
        """Measured steps of a turn."""
        return NETWORKS[self.network].steps[self.device]

    def start(self, data: Path, folder: Path, threads: int) -> None:
        """Start the process, in an empty folder."""
        folder.mkdir()
        config = folder / 'config.py'
        config.write_text(self._config(data))
        self.log = folder / 'output.log'
        arguments = ['train', str(config), f'--work-dir={folder / "work"}']
        if NETWORKS[self.network].amp and self.device == 'cuda':
            arguments.append('--amp')
        code = f'import sys; sys.argv[1:] = {arguments}; {PROGRAMS[self.program]}'
        if self.program == 'MMPretrain':  # has no name of a command
            code = code.replace("['train', ", '[')
        self._connection, theirs = Pipe()
        terminal, shown = pty.openpty()  # people see the console that is measured
        environment = os.environ | dict(
            MMGALA_TURNS=str(theirs.fileno()),
            OMP_NUM_THREADS=str(threads),
            MKL_NUM_THREADS=str(threads),
            PYTHONPATH=os.pathsep.join([str(ROOT / 'benchmarks'), str(ROOT)]),
            TERM='xterm',
        )
        if self.device == 'cpu':
            environment['CUDA_VISIBLE_DEVICES'] = ''
        self._process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', code],
            stdin=subprocess.DEVNULL,
            stdout=shown,
            stderr=shown,
            pass_fds=[theirs.fileno()],
            env=environment,
        )
        theirs.close()
        os.close(shown)
        threading.Thread(target=self._keep_output, args=[terminal], daemon=True).start()

    def turn(self, skipped: int, steps: int, profiled: bool = False) -> dict[str, Any]:
        """Let it train; the process answers when it has taken the steps."""
        turn = dict(skipped=skipped, steps=steps, profiled=profiled)
        self._connection.send_bytes(json.dumps(turn).encode())
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Wait for the process.

        Raises:
            RuntimeError: if it has ended, or does not answer.
        """
        if not self._connection.poll(SILENCE):
            raise RuntimeError(f'The training of {self.name} does not answer.')
        try:
            return json.loads(self._connection.recv_bytes())
        except EOFError:
            status = self._process.wait()
            output = self.log.read_text(errors='replace')[-2000:]
            raise RuntimeError(
                f'The training of {self.name} has ended with status {status}:\n{output}'
            ) from None

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._process.terminate()
        self._process.wait()

    def _config(self, data: Path) -> str:
        network = NETWORKS[self.network]
        workers = self.workers
        if self.network == 'resnet32':
            dataset = f'dataset=dict(data_root={str(data)!r})'
        else:
            dataset = (
                f"type='CustomDataset', data_root={str(data)!r}, with_label=True, "
                '_delete_=True, pipeline={{_base_.train_pipeline}}'
            )
        common = COMMON.format(
            loop='OnDeviceTurnLoop' if self.on_device else 'TurnLoop',
            batch=self.batch,
            workers=workers,
            persistent=workers > 0,
            pinned=self.device == 'cuda',
            dataset=dataset,
        )
        bases = [*network.bases, RUNTIMES[self.program]]
        gala = GALA if self.program == 'mmgala' else ''
        return f'_base_ = {bases}\n{common}{gala}'

    def _keep_output(self, terminal: int) -> None:
        with self.log.open('wb') as log:
            while True:
                try:
                    log.write(os.read(terminal, 65536))
                except OSError:  # the process has ended
                    return
                log.flush()
