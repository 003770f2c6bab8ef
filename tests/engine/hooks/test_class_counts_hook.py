"""ClassCountsHook checks labels and passes class counts to all that need them."""

import json
from collections import Counter

import cv2
import numpy as np
import pytest
from mmengine.hooks import Hook
from mmengine.runner import Runner
from sklearn.metrics import recall_score

from mmgala.datasets import DigitsDataset, LongTailedDataset
from mmgala.engine import ClassCountsHook
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine.small_training import small_config, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Runner and checkpoint of a training with the hook."""
    return train(small_config(tmp_path_factory.mktemp('with_hook')))


@pytest.fixture(scope='module')
def counts():
    data = LongTailedDataset(DigitsDataset('train'), imbalance_factor=50)
    counter = Counter(data[i]['gt_label'] for i in range(len(data)))
    return [counter[c] for c in range(10)]


def run_test(work_dir, checkpoint, **options):
    """Test a checkpoint with a config without a training set."""
    cfg = small_config(work_dir, load_from=str(checkpoint), **options)
    for name in ('dataloader', 'cfg'):
        cfg[f'train_{name}'] = cfg[f'val_{name}'] = None
    cfg.optim_wrapper = cfg.param_scheduler = cfg.val_evaluator = None
    cfg.test_evaluator = [cfg.test_evaluator, dict(type='mmgala.ScoreDump')]
    runner = Runner.from_cfg(cfg)
    metrics = runner.test()
    dump = runner.test_evaluator.metrics[1]
    return metrics, dump.scores, dump.targets


def group_means(scores, targets, counts, many=40, few=10):
    """Mean recall of each group; the config's shot thresholds are 40 and 10."""
    recalls = recall_score(targets, scores.argmax(axis=1), average=None)
    counts = np.array(counts)
    return {
        'accuracy/many': 100 * recalls[counts > many].mean(),
        'accuracy/medium': 100 * recalls[(counts >= few) & (counts <= many)].mean(),
        'accuracy/few': 100 * recalls[counts < few].mean(),
    }


def test_checkpoint_contains_the_counts(trained, counts):
    _, path = trained

    checkpoint = read_checkpoint(path)

    assert checkpoint['meta']['class_counts'] == counts


def test_validation_while_training_reports_the_groups(trained):
    runner, _ = trained

    assert {'val/accuracy/many', 'val/accuracy/medium', 'val/accuracy/few'} <= set(
        runner.message_hub.log_scalars
    )


def test_test_from_a_checkpoint_alone_reports_the_groups(tmp_path, trained, counts):
    metrics, scores, targets = run_test(tmp_path, trained[1])

    for name, expected in group_means(scores, targets, counts).items():
        assert metrics[name] == pytest.approx(expected), name


def test_thresholds_travel_with_the_counts(tmp_path, trained, counts):
    """The checkpoint has those of the training's metric; a test may state others."""
    assert read_checkpoint(trained[1])['meta']['shot_thresholds'] == dict(
        many=40, few=10
    )
    silent = dict(_delete_=True, type='mmgala.LongTailedAccuracy')
    for name, stated in (('silent', {}), ('other', dict(many=60, few=5))):
        metrics, scores, targets = run_test(
            tmp_path / name, trained[1], test_evaluator={**silent, **stated}
        )
        for key, expected in group_means(scores, targets, counts, **stated).items():
            assert metrics[key] == pytest.approx(expected), (name, key)
    (log,) = (tmp_path / 'other').glob('2*/2*.log')
    assert 'the checkpoint was trained with many > 40, few < 10' in log.read_text()


def test_a_config_that_contradicts_itself_stops_before_the_training(tmp_path):
    cfg = small_config(tmp_path, test_evaluator__many=60)
    with pytest.raises(ValueError, match='contradicts itself on the shot thresholds'):
        train(cfg)


def test_counts_of_a_training_without_the_hook_come_from_its_data_set(tmp_path, counts):
    _, path = train(small_config(tmp_path / 'train', custom_hooks=[]))
    assert 'class_counts' not in read_checkpoint(path)['meta']

    metrics, scores, targets = run_test(tmp_path / 'test', path)

    for name, expected in group_means(scores, targets, counts).items():
        assert metrics[name] == pytest.approx(expected), name


def test_counts_of_the_training_take_precedence_over_those_of_the_test_set(
    tmp_path, trained, counts
):
    # A test set with other counts: two samples per class.
    test_set = dict(
        _delete_=True,
        type='mmgala.LongTailedDataset',
        imbalance_factor=1,
        max_count=2,
        dataset=dict(
            type='mmgala.DigitsDataset',
            split='test',
            pipeline=[dict(type='PackInputs')],
        ),
    )
    metrics, scores, targets = run_test(
        tmp_path, trained[1], test_dataloader__dataset=test_set
    )

    assert len(targets) == 20
    for name, expected in group_means(scores, targets, counts).items():
        assert metrics[name] == pytest.approx(expected), name


class StepCounter(Hook):
    """Counts the training steps that are started."""

    def __init__(self):
        self.steps = 0

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.steps += 1


@pytest.fixture
def annotated(tmp_path):
    """Factory: dataloader config of images with these labels."""

    def make(labels):
        samples = []
        for i, label in enumerate(labels):
            path = tmp_path / f'image_{i}.png'
            assert cv2.imwrite(str(path), np.zeros((8, 8, 3), dtype=np.uint8))
            samples.append({'img_path': str(path), 'gt_label': label})
        ann_file = tmp_path / 'annotations.json'
        ann_file.write_text(json.dumps({'metainfo': {}, 'data_list': samples}))
        pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
        return dict(
            batch_size=2,
            num_workers=0,
            dataset=dict(
                type='mmpretrain.BaseDataset', ann_file=str(ann_file), pipeline=pipeline
            ),
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate'),
        )

    return make


@pytest.mark.parametrize('label', [10, -1])
def test_label_out_of_range_stops_before_the_first_step(tmp_path, annotated, label):
    cfg = small_config(tmp_path / 'work')
    cfg.train_dataloader = annotated([0, 1, 2, label, 4])
    runner = Runner.from_cfg(cfg)
    steps = StepCounter()
    runner.register_hook(steps)

    message = rf'between 0 and 9, but sample 3 .* label {label} \(.*image_3\.png\)'
    with pytest.raises(ValueError, match=message):
        runner.train()

    assert steps.steps == 0
    assert runner.model.head.loss_module.pos_grad.sum() == 0


def test_step_counter_counts_with_valid_labels(tmp_path, annotated):
    cfg = small_config(tmp_path / 'work')
    cfg.train_dataloader = annotated([0, 1, 2, 9, 4])
    runner = Runner.from_cfg(cfg)
    steps = StepCounter()
    runner.register_hook(steps)

    runner.train()

    assert steps.steps == 3
    hook = next(hook for hook in runner.hooks if isinstance(hook, ClassCountsHook))
    assert hook.class_counts == [1, 1, 1, 0, 1, 0, 0, 0, 0, 1]


def equalization_config(work_dir, **options):
    """Config of a training with a loss that needs the class counts."""
    cfg = small_config(work_dir, model__head__type='LinearClsHead', **options)
    cfg.model.head.loss = dict(
        type='mmgala.EqualizationLoss', num_classes=10, tail_threshold=0.03
    )
    return cfg


def test_a_loss_that_needs_the_counts_trains_with_them(tmp_path, counts):
    runner, path = train(equalization_config(tmp_path))

    loss_module = runner.model.head.loss_module
    assert loss_module.class_counts.tolist() == counts
    assert loss_module.tail.tolist() == [c / 284 < 0.03 for c in counts]
    saved = read_checkpoint(path)['state_dict']['head.loss_module.class_counts']
    assert saved.tolist() == counts


def test_error_for_such_a_loss_without_the_hook_says_what_to_add(tmp_path):
    cfg = equalization_config(tmp_path, custom_hooks=[])
    with pytest.raises(
        ValueError, match=r"add custom_hooks=\[dict\(type='mmgala.Class"
    ):
        train(cfg)


def test_a_training_set_that_is_smaller_than_a_batch_is_refused(tmp_path):
    """It would succeed without any step."""
    options = dict(train_dataloader__batch_size=300, train_dataloader__drop_last=True)
    by_epoch = dict(param_scheduler__convert_to_iter_based=False)
    cfg = small_config(tmp_path, **options, **by_epoch)

    message = (
        r'The training set has 284 samples, too few for a batch of 300 on each rank, '
        r'.* train_dataloader\.batch_size, .* train_dataloader\.drop_last=False'
    )
    with pytest.raises(ValueError, match=message):
        train(cfg)
    assert not list(tmp_path.glob('*.pth'))


def test_a_training_set_that_fills_one_batch_is_trained(tmp_path):
    options = dict(train_dataloader__batch_size=284, train_dataloader__drop_last=True)
    runner, _ = train(small_config(tmp_path, **options))

    assert runner.iter == 1
