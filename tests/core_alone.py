"""A program that uses mmgala in PyTorch alone; `test_core_alone.py` runs it.

Every import of another library raises an error, also in the ranks that it starts. It
prints what it found as JSON.
"""

import io
import json
import sys
import tempfile
from pathlib import Path

BLOCKED = {
    'cv2', 'matplotlib', 'mmcv', 'mmdet', 'mmengine', 'mmpretrain', 'PIL', 'plotly',
    'rich', 'scipy', 'sklearn', 'tabulate', 'torchmetrics', 'torchvision',
}  # fmt: skip


if __name__ in ('__main__', '__mp_main__'):  # this program and its ranks
    # PyTorch looks some of them up without importing: a finder that raises is too much.
    sys.modules.update(dict.fromkeys(BLOCKED))

import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
import torch.multiprocessing  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

import mmgala  # noqa: E402
from tests.batches import random_logits, random_target  # noqa: E402
from tests.losses.loss_cases import CASES, COUNTS, NUM_CLASSES  # noqa: E402

STEPS = 4
RANKED = (
    'gala',
    'gala_official',
    'gala_counts',
    'gala_label_margin',
    'gala_lead',
    'seesaw',
)


def batch(step, size=12):
    """Features and labels of one step."""
    features = random_logits(size, 4, seed=step).float()
    return features, random_target('hard', size, NUM_CLASSES, seed=step)


def model_with(loss):
    """A linear classifier and its loss, in one module."""
    torch.manual_seed(1)
    return nn.ModuleDict(dict(fc=nn.Linear(4, NUM_CLASSES), loss=loss))


def steps(model, first, last, samples=slice(None)):
    """Loss of each step of a plain training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    values = []
    for step in range(first, last):
        torch.manual_seed(step)
        features, target = (part[samples] for part in batch(step))
        loss = model['loss'](model['fc'](features), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    return values


def trained_twice(name):
    """Losses of a training, and those after it was saved and restored half-way."""
    whole, half = model_with(CASES[name].build()), model_with(CASES[name].build())
    losses = steps(whole, 0, STEPS)
    steps(half, 0, STEPS // 2)
    file = io.BytesIO()
    torch.save(half.state_dict(), file)
    file.seek(0)
    restored = model_with(CASES[name].build(counts=None))
    restored.load_state_dict(torch.load(file, weights_only=True))
    return losses, steps(restored, STEPS // 2, STEPS)


def after_training():
    """Scores by every post-hoc step, and the metrics of some of them."""
    logits, target = random_logits(60, 3, seed=5).float(), torch.arange(60) % 3
    scores = (logits + torch.tensor([2.0, 0.0, 0.0])).softmax(dim=1)
    rebalancer = mmgala.PredictionRebalancer(tau=1.2).fit(scores)
    chain = mmgala.PostHocChain([rebalancer, mmgala.TemperatureScaler(1.5)])
    counts = mmgala.class_counts_of(torch.arange(130).clamp(max=2), 3)
    return dict(
        scores=scores.tolist(),
        rebalanced=rebalancer.transform(scores).tolist(),
        chained=chain.transform(scores).tolist(),
        adjusted=mmgala.LogitAdjuster(1.0, counts).transform(scores).tolist(),
        counts=counts.tolist(),
        metrics=mmgala.long_tailed_metrics(scores, target, counts),
    )


def rank(index, store, results):
    """One of two ranks, with half of each batch, in PyTorch's own wrapper."""
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{store}', rank=index, world_size=2
    )
    found = {}
    for name in RANKED:
        model = model_with(CASES[name].build())
        model['fc'] = DistributedDataParallel(model['fc'])
        steps(model, 0, STEPS, slice(index, None, 2))
        found[name] = {n: b.tolist() for n, b in model['loss'].named_buffers()}
    dist.destroy_process_group()
    Path(results, f'{index}.json').write_text(json.dumps(found))


def on_two_ranks():
    """Buffers of the losses of each rank, and those of one process."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(rank, (f'{folder}/store', folder), nprocs=2)
        ranks = [json.loads(Path(folder, f'{i}.json').read_text()) for i in (0, 1)]
    alone = {}
    for name in RANKED:
        model = model_with(CASES[name].build())
        steps(model, 0, STEPS)
        alone[name] = {n: b.tolist() for n, b in model['loss'].named_buffers()}
    return dict(ranks=ranks, alone=alone)


def main():
    """Print all of it."""
    torch.set_num_threads(1)
    names = {name: repr(getattr(mmgala, name)) for name in mmgala.__all__}
    found = dict(
        names=sorted(names),
        counts=COUNTS,
        trainings={name: trained_twice(name) for name in CASES},
        after_training=after_training(),
        distributed=on_two_ranks(),
        imported=[name for name in BLOCKED if sys.modules[name] is not None],
    )
    print(json.dumps(found))


if __name__ == '__main__':
    main()
