"""Wrong values of --cfg-options."""

from collections.abc import Iterator

from benchmarks.reliability.bad_inputs.case import BadInput

# Options that are no settings at all; every tool that has the flag reads them.
MALFORMED = ('noequals', '=x', '.=1', 'a..b=1', 'a=[1,(2', 'trian_cfg.max_epochs=1')

# Wrong values of settings, for tools/train.py.
TRAINING: dict[str, tuple[str, ...]] = {
    'model': ('None', '[]', 'x', '1'),
    'model.type': ('Nope', 'None', 'mmgala.Nope', 'mmgala.GALALoss'),
    'model.backbone': ('None', 'x'),
    'model.backbone.type': ('Nope',),
    'model.backbone.depth': ('15', 'x', '-1'),
    'model.head.type': ('Nope', 'mmgala.GALALoss'),
    'model.head.num_classes': ('0', '-1', 'x', '7', '1000'),
    'model.head.in_channels': ('63', 'x', '-1'),
    'model.head.loss': ('x', '[]'),
    'model.head.loss.type': ('Nope', 'mmgala.Nope'),
    'model.head.loss.lambda_pos': ('-1', 'nan', 'x', 'inf'),
    'model.head.loss.lambda_neg': ('-1', 'nan', 'x'),
    'model.head.loss.eps': ('0', '-1', 'nan', 'x'),
    'model.head.loss.variant': ('x', '1'),
    'model.head.loss.loss_weight': ('nan', 'x'),
    'model.head.loss.reduction': ('x',),
    'model.head.loss.typo': ('1',),
    'data_preprocessor': ('x',),
    'data_preprocessor.num_classes': (
        '7 model.train_cfg.augments.type=Mixup',
        'None model.train_cfg.augments.type=Mixup',
    ),
    'data_preprocessor.mean': ('x',),
    'data_preprocessor.std': ('[0,0,0]', '[-1]', 'x'),
    'optim_wrapper': ('None', '[]', 'x'),
    'optim_wrapper.type': ('Nope',),
    'optim_wrapper.optimizer': ('None', 'x'),
    'optim_wrapper.optimizer.type': ('Nope',),
    'optim_wrapper.optimizer.lr': ('x', '-1', 'nan', 'inf', '1e30'),
    'optim_wrapper.optimizer.typo': ('1',),
    'param_scheduler': ('x',),
    'param_scheduler.type': ('Nope',),
    'param_scheduler.T_max': ('x', '-1', '0'),
    'train_cfg': ('None', '[]', 'x'),
    'train_cfg.max_epochs': ('-1', 'x', 'nan', '1.5'),
    'train_cfg.val_interval': ('0', '-1', 'x'),
    'train_cfg.typo': ('1',),
    'train_dataloader': ('None', '[]', 'x'),
    'train_dataloader.batch_size': ('0', '-1', 'x', '1.5'),
    'train_dataloader.num_workers': ('-1', 'x'),
    'train_dataloader.typo': ('1',),
    'train_dataloader.sampler': ('x',),
    'train_dataloader.sampler.type': ('Nope',),
    'train_dataloader.dataset': ('None', '[]', 'x'),
    'train_dataloader.dataset._delete_': ('True',),
    'train_dataloader.dataset.type': ('Nope', 'CustomDataset'),
    'train_dataloader.dataset.imbalance_factor': ('0', '-1', 'x', 'nan', '0.5'),
    'train_dataloader.dataset.seed': ('x', '-1'),
    'train_dataloader.dataset.profile': ('x',),
    'train_dataloader.dataset.dataset': ('None', 'x'),
    'train_dataloader.dataset.dataset.split': ('x',),
    'train_dataloader.dataset.dataset.pipeline': ('x', '[x]', '[dict(type=Nope)]'),
    'val_dataloader': ('None', '[]'),
    'val_evaluator': ('None', 'x'),
    'val_evaluator.type': ('Nope',),
    'val_evaluator.many': ('-1', 'x', '1.5'),
    'val_evaluator.few': ('1000', 'x'),
    'val_evaluator.topk': ('0', 'x'),
    'val_cfg': ('None', 'x'),
    'default_hooks': ('[]', 'x'),
    'default_hooks.checkpoint': ('x',),
    'default_hooks.checkpoint.interval': ('x',),
    'default_hooks.checkpoint.type': ('Nope',),
    'default_hooks.checkpoint.save_best': ('x', 'nope/x'),
    'custom_hooks': ('x', '[x]', '[dict(type=EMAHook)]'),
    'default_scope': ('nope', '1'),
    'env_cfg': ('[]', 'x'),
    'randomness': ('x',),
    'randomness.seed': ('x', '-1'),
    'visualizer': ('x',),
    'log_level': ('NOPE',),
    'log_processor': ('x',),
    'launcher': ('nope',),
    'load_from': ('missing.pth', 'run', '1'),
    'work_dir': ('config.py', '[]'),
    'custom_imports': ('x', 'dict(imports=[nope])'),
    'runner_type': ('Nope',),
}

# Wrong values of settings that only the test reads.
TESTING: dict[str, tuple[str, ...]] = {
    'test_dataloader': ('None', '[]', 'x'),
    'test_dataloader.batch_size': ('0', 'x'),
    'test_dataloader.num_workers': ('-1',),
    'test_dataloader.dataset': ('None', 'x'),
    'test_dataloader.dataset.type': ('Nope',),
    'test_dataloader.dataset.split': ('x',),
    'test_dataloader.dataset.indices': ('0', 'x'),
    'test_evaluator': ('None', 'x', '[]'),
    'test_evaluator.type': ('Nope',),
    'test_cfg': ('None', 'x'),
    'load_from': ('weights.pth',),
    'resume': ('True',),
    'model.head.num_classes': ('7', 'x'),
    'model.head.in_channels': ('63',),
    'model.backbone.depth': ('20',),
}

# Values that are right after all, or whose effect is only that nothing is evaluated.
ACCEPTED = {
    ('train', 'test_evaluator=[]'),
    ('test', 'test_evaluator=[]'),
}


def options() -> Iterator[BadInput]:
    """Yield each option with each wrong value."""
    for tool in ('train', 'test', 'fit', 'retrain', 'compare', 'vectors'):
        for option in MALFORMED:
            yield _case(tool, option, option.partition('=')[0] or option)
    for tool, table in (('train', TRAINING), ('test', TESTING)):
        for key, values in table.items():
            for value in values:
                option = f'{key}={value}'
                if (tool, option) not in ACCEPTED:
                    words = (*key.split('.')[1:][-2:], key, value, 'registry')
                    yield _case(tool, option, *words)


def _case(tool: str, option: str, *names: str) -> BadInput:
    arguments = ('--cfg-options', *option.split(' '))
    return BadInput('options', option, tool, arguments, names)
