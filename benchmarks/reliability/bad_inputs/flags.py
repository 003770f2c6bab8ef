"""Every flag of every tool, with wrong values."""

from collections.abc import Iterator

from benchmarks.reliability.bad_inputs.case import BadInput

NO_NUMBER = ('x', 'nan', 'inf', '-1', '')
NO_COUNT = ('x', '-1', '1.5', '')

# Tool: flag: wrong values. A value is split at spaces; further flags may follow it.
FLAGS: dict[str, dict[str, tuple[str, ...]]] = {
    'train': {
        '--launcher': ('x', 'mpi'),
        '--local-rank': ('x',),
        '--resume': ('missing.pth', 'run', 'config.py'),
        '--auto-scale-lr': (' --cfg-options auto_scale_lr=None',),
        '--unknown': ('1',),
    },
    'test': {
        '--tau': NO_NUMBER,
        '--temperature': (*NO_NUMBER, '0', '1e-300'),
        '--logit-adjustment': NO_NUMBER,
        '--target-prior': ('missing.txt', 'run', 'config.py'),
        '--out': ('x.csv', 'run', 'x', 'config.py/x.npz'),
        '--out-item': ('x', 'pred', 'metrics --out x.npz'),
        '--interval': ('0 --show-dir y', '-1 --show-dir y', 'x'),
        '--wait-time': ('x', '-1 --show-dir y', 'nan --show-dir y'),
        '--show-dir': ('config.py',),
        '--tta': (' --rebalance --tau auto', ' --temperature auto'),
        '--work-dir': ('config.py',),
        '--launcher': ('x', 'mpi'),
    },
    'fit': {
        '--tau': NO_NUMBER,
        '--temperature': (*NO_NUMBER, '0'),
        '--logit-adjustment': NO_NUMBER,
        '--target-prior': ('missing.txt',),
        '--split': ('x', 'test'),
    },
    'retrain': {
        '--method': ('x', ''),
        '--tau': NO_NUMBER,
        '--distance': ('x --method ncm', 'cl2n'),
        '--layer': ('x', 'backbone', 'backbone.conv1'),
        '--features': ('config.py',),
        '--loss': ('x --method crt', 'mmgala.GALALoss', 'Accuracy --method crt'),
        '--loss-options': ('a=1', 'a=1 --loss mmgala.GALALoss --method crt', 'a'),
        '--sampling': ('x --method crt', 'class'),
        '--init': ('x --method crt', 'new'),
        '--epochs': ('x', '-1 --method crt', '0 --method crt', '1'),
        '--lr': ('x', 'nan --method crt', '-1 --method crt', 'inf --method crt'),
        '--batch-size': ('x', '-1 --method crt', '0 --method crt'),
        '--weight-decay': ('x', 'nan --method crt', '-1 --method crt'),
        '--seed': ('x', '-1 --method crt'),
    },
    'compare': {
        '--methods': ('x', 'gala:a=1', 'gala:lambda_pos=x', 'gala:', ':a=1', 'ce ce',
                      'gala:lambda_pos', 'gala:lambda_pos=nan', 'gala:lambda_pos=-1'),
        '--seeds': NO_COUNT + ('0',),
        '--workers': NO_COUNT + ('0',),
        '--metrics': ('x',),
        '--post-hoc': ('x',),
        '--selection': ('x',),
        '--target-prior': ('x', 'train', 'x.txt'),
        '--only-report': ('x',),
        '--work-dir': ('config.py',),
    },
    'export': {
        '--check-images': NO_COUNT,
        '--tolerance': NO_NUMBER,
        '--input-size': ('x 8 8', '0 8 8', '8'),
    },
    'vectors': {
        '--split': ('x',),
        '--out': ('x.txt', 'run', 'config.py/x.json'),
        '--layer': ('x', 'backbone', 'backbone.conv1'),
        '--many': NO_COUNT,
        '--few': (*NO_COUNT, '1000 --many 10'),
    },
    'predictions': {
        '--tau': NO_NUMBER,
        '--val': ('missing.npz', 'test.npz', 'run', 'val.npz val.npz',
                  'val.npz --tau 1'),
        '--names': ('a b', ''),
        '--class-counts': ('missing.txt', 'prior.txt', 'run'),
        '--target-prior': ('missing.txt', 'counts.txt', 'run'),
        '--out': ('config.py', 'config.py/x'),
        '--many': NO_COUNT,
        '--few': (*NO_COUNT, '1000 --many 10'),
    },
    'gradients': {
        '--names': ('a b', ''),
        '--out': ('config.py', 'config.py/x'),
    },
    'report': {
        '--names': ('a b', ''),
        '--out': ('x.txt', 'run', 'config.py/x.html'),
        '--tau': NO_NUMBER,
        '--many': NO_COUNT,
        '--few': (*NO_COUNT, '1000 --many 10'),
    },
    'prepare': {
        '--source': ('missing', 'config.py', 'run'),
        '--root': ('config.py', 'config.py/x', 'missing --check'),
        '--check': ('--dry-run',),
        '--unknown': ('1',),
    },
}  # fmt: skip


def flags() -> Iterator[BadInput]:
    """Yield each flag with each wrong value."""
    for tool, wrong in FLAGS.items():
        for flag, values in wrong.items():
            for value in values:
                parts = value.split() if value.strip() else ([] if value else [''])
                word = flag.strip('-')[:4]  # lr, learning rate; out, OUT
                names = (word, *(w for part in parts for w in part.split('/') if w))
                name = f'{flag} {value!r}'
                yield BadInput('flags', name, tool, (flag, *parts), names)
