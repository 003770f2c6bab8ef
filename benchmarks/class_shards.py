"""Memory and bytes sent per step when the ranks share out the classes, as a table.

``python benchmarks/class_shards.py`` prints both for 10^4 to 10^7 classes on 1 to 64
GPUs, and runs one rank's share of the largest case: 10^7 classes on 64 ranks.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from tabulate import tabulate

from mmgala.losses import GALALoss
from mmgala.sharding import ClassShardLinear, ClassShards, sample_classes
from mmgala.sharding.cost import StepCost
from mmgala.sharding.loss import shard_statistics, sharded_losses

CLASSES = (10_000, 100_000, 1_000_000, 10_000_000)
RANKS = (1, 4, 16, 64)


def table(args: argparse.Namespace) -> list[dict]:
    """Cost of every number of classes and ranks."""
    rows = []
    for num_classes in CLASSES:
        for ranks in RANKS:
            cost = cost_of(args, num_classes, ranks)
            rows.append(
                {
                    'classes': num_classes,
                    'ranks': ranks,
                    'classes of a rank': cost.share,
                    'memory, GB': cost.memory() / 1e9,
                    'of it logits, GB': cost.parts()['logits'] / 1e9,
                    'sent, MB': cost.bytes_sent() / 1e6,
                    'sent without shards, MB': cost.unsharded_bytes_sent() / 1e6,
                }
            )
    return rows


def cost_of(args: argparse.Namespace, num_classes: int, ranks: int) -> StepCost:
    """Cost with the sizes of the command line."""
    return StepCost(
        num_classes,
        args.features,
        args.batch,
        ranks,
        2 if args.half else 4,
        args.optimizer_states,
        args.rate,
    )


def run_one_shard(args: argparse.Namespace, device: str) -> dict:
    """Steps of the first of 64 ranks with its share of 10^7 classes.

    One process stands for it: it computes the logits of the samples of all ranks for
    its classes, the loss, the statistics and the gradients; only the sums over ranks
    are missing.
    """
    num_classes, ranks = CLASSES[-1], RANKS[-1]
    share = ClassShards(num_classes, ranks).size
    shards = ClassShards(share)
    linear = ClassShardLinear(args.features, shards).to(device)
    loss = GALALoss(share).to(device)
    shard_statistics(loss, shards)
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.1, momentum=0.9)
    samples = args.batch * ranks
    seconds = []
    for _ in range(args.steps):
        features = torch.randn(samples, args.features, device=device)
        features.requires_grad_()
        label = torch.randint(share, (samples,), device=device)
        start = time.perf_counter()
        columns, correction = None, None
        if args.rate < 1:
            columns, correction = sample_classes(label, shards, args.rate)
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=args.half):
            logits = linear(features, columns)
        each = sharded_losses(
            loss, logits, label, shards, columns=columns, correction=correction
        )
        del logits
        each.mean().backward()
        optimizer.step()
        value = float(each.detach().mean())  # waits for the device
        seconds.append(time.perf_counter() - start)
    result = dict(
        classes_of_a_rank=share, samples=samples, seconds=min(seconds), loss=value
    )
    result['computed_gb'] = cost_of(args, num_classes, ranks).memory() / 1e9
    result['measured_gb'] = _peak(device) / 1e9
    return result


def _peak(device: str) -> float:
    """Largest memory so far: of the device, or of the process with all libraries."""
    if device == 'cuda':
        return torch.cuda.max_memory_allocated()
    import resource

    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Print the table, run the shard, and write both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--features', type=int, default=512, help='width')
    parser.add_argument('--batch', type=int, default=8, help='samples of a rank')
    parser.add_argument('--rate', type=float, default=1.0, help='classes drawn')
    parser.add_argument('--half', action='store_true', help='bfloat16 logits')
    parser.add_argument('--optimizer-states', type=int, default=1)
    parser.add_argument('--steps', type=int, default=2, help='of the shard; 0 for none')
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    rows = table(args)
    print(tabulate(rows, headers='keys', floatfmt='.3g'))
    shard = run_one_shard(args, args.device) if args.steps else None
    if shard:
        print('\nOne of 64 ranks with 10,000,000 classes:')
        print(tabulate(shard.items(), floatfmt='.3g'))
    if args.out:
        result = dict(arguments=vars(args) | dict(out=''), table=rows, shard=shard)
        args.out.write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__':
    main()
