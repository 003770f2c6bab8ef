"""The benchmark of whole trainings compares what it says it compares."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))

import step_profile
import training_sides
import training_step


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
@pytest.mark.parametrize('network', training_sides.NETWORKS)
def test_both_trainings_have_the_same_network_loader_and_schedule(
    network, device, tmp_path
):
    configs = []
    for name in training_sides.RUNTIMES:
        side = training_sides.Side(network, name, name, device)
        path = tmp_path / f'{name}.py'
        path.write_text(side._config(tmp_path / 'data'))
        configs.append(Config.fromfile(path, import_custom_modules=False).to_dict())
    heads = [config['model'].pop('head') for config in configs]
    theirs, ours = configs
    same = ('model', 'train_dataloader', 'optim_wrapper', 'param_scheduler')
    same += ('train_cfg', 'data_preprocessor', 'env_cfg')
    assert {key: theirs[key] for key in same} == {key: ours[key] for key in same}
    for name, hook in theirs['default_hooks'].items():
        assert hook.items() <= ours['default_hooks'][name].items()
    assert [head['loss']['type'] for head in heads] == [
        'CrossEntropyLoss', 'mmgala.GALALoss',
    ]  # fmt: skip
    workers = 0 if device == 'cpu' else training_sides.NETWORKS[network].workers
    assert theirs['train_dataloader']['num_workers'] == workers


class Turns(training_sides.Side):
    """Turns that take as long as the side says, and a shared record of them."""

    def turn(self, skipped, steps, profiled=False):
        self.record.append(self.name)
        seconds = self.speed * len(self.record)  # the machine becomes slower
        return dict(seconds=seconds, cpu_seconds=seconds)


def test_ratios_are_of_the_same_round():
    record, sides = [], []
    for name, speed in (('MMPretrain', 4.0), ('mmgala', 2.0)):
        side = Turns('resnet32', name, name, 'cpu')
        side.record, side.speed = record, speed
        sides.append(side)
    training_step.measure(sides, end=0.0)
    assert record == ['MMPretrain', 'mmgala'] * 2 + ['mmgala', 'MMPretrain']
    row = training_step.row_of(sides[1], sides[0])
    # Rounds: 4 * 3 / (2 * 4) and 4 * 6 / (2 * 5).
    assert row['ratio'] == pytest.approx((1.5 + 2.4) / 2, abs=1e-4)
    assert row['images_per_second'] == pytest.approx(2 * 64 / 9, abs=1e-3)


def test_parts_of_a_step_are_exclusive_and_add_up():
    clock = SimpleNamespace(now=0.0)

    def after(seconds, call=lambda: None):
        def passes(*args, **kwargs):
            clock.now += seconds
            call()

        return passes

    hook = SimpleNamespace(before_train_iter=after(1), after_train_iter=after(2))
    head = SimpleNamespace(loss=after(4))
    model = SimpleNamespace(
        data_preprocessor=SimpleNamespace(forward=after(8)),
        head=head,
        extract_feat=after(16, lambda: head.loss()),
        parse_losses=after(32),
    )
    optimizer = SimpleNamespace(
        backward=after(64), step=after(128), zero_grad=after(256)
    )
    runner = SimpleNamespace(hooks=[hook], model=model, optim_wrapper=optimizer)
    runner.call_hook = lambda name, **kwargs: getattr(hook, name)()

    profile = step_profile.StepProfile(runner, lambda: clock.now)
    for _ in range(3):
        clock.now += 512
        runner.call_hook('before_train_iter')
        model.extract_feat()
        clock.now += 1024
        runner.call_hook('after_train_iter')
        profile.step_ended()
    parts = profile.end()

    assert parts == {
        'data loader': 3 * 512,
        'SimpleNamespace': 3 * (1 + 2),
        'network, forward': 3 * 16,
        'head and loss': 3 * 4,
        'the loop itself': 3 * 1024,
    }
    assert sum(parts.values()) == clock.now
