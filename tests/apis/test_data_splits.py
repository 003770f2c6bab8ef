"""Models and whole splits are built from configs without a runner."""

import pytest
import torch
from mmengine.config import Config

from mmgala.apis.data_splits import build_whole_split, split_dataloader
from mmgala.apis.models import load_model
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine.small_training import small_config, train


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Config and checkpoint of a training."""
    cfg = small_config(tmp_path_factory.mktemp('inference'))
    _, path = train(cfg)
    return cfg, read_checkpoint(path)


def test_model_has_the_weights_and_predicts(trained):
    cfg, checkpoint = trained

    model = load_model(cfg, checkpoint, 'x.pth')

    state = {key: value.cpu() for key, value in model.state_dict().items()}
    assert not model.training
    assert state.keys() == checkpoint['state_dict'].keys()
    assert all(torch.equal(state[k], v) for k, v in checkpoint['state_dict'].items())
    (data,) = build_whole_split(cfg, 'val', ())
    assert len(model.test_step(data)) == 250


def test_weights_of_a_wrapped_model_are_loaded_alike(trained):
    cfg, checkpoint = trained
    state = {f'module.{k}': v for k, v in checkpoint['state_dict'].items()}

    model = load_model(cfg, {'state_dict': state}, 'x.pth')

    weight = model.head.fc.weight.cpu()
    assert torch.equal(weight, checkpoint['state_dict']['head.fc.weight'])


def test_weights_of_another_model_are_refused(trained):
    cfg, checkpoint = trained
    state = {k: v for k, v in checkpoint['state_dict'].items() if 'fc.bias' not in k}
    with pytest.raises(ValueError, match=r'x\.pth does not fit .* head\.fc\.bias'):
        load_model(cfg, {'state_dict': state}, 'x.pth')


def test_the_config_is_left_as_it_was(trained):
    cfg, checkpoint = trained
    before = cfg.pretty_text

    build_whole_split(cfg, 'train', ())
    load_model(cfg, checkpoint, 'x.pth')

    assert cfg.pretty_text == before


def test_each_sample_once_and_in_order_with_the_pipeline_of_the_test(tmp_path):
    cfg = small_config(tmp_path)
    part = cfg.train_dataloader.dataset
    part.dataset.pipeline = [dict(type='RandomFlip', prob=1.0), *part.dataset.pipeline]
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[part, part])
    cfg.train_dataloader.drop_last = True
    cfg.train_dataloader.num_batch_per_epoch = 2
    cfg.train_dataloader.sampler.shuffle = True

    loader = build_whole_split(cfg, 'train', ())

    samples = [sample for batch in loader for sample in batch['data_samples']]
    assert len(samples) == 2 * 284
    labels = [int(sample.gt_label) for sample in samples]
    assert labels[:284] == labels[284:]
    assert labels[:284] == loader.dataset.datasets[0].get_gt_labels().tolist()
    for dataset in loader.dataset.datasets:
        steps = dataset.dataset.pipeline.transforms
        assert [type(step).__name__ for step in steps] == ['PackInputs']


def test_training_pipeline_stays_where_there_is_no_other(tmp_path):
    cfg = small_config(tmp_path, val_dataloader=None, test_dataloader=None)
    part = cfg.train_dataloader.dataset.dataset
    part.pipeline = [dict(type='RandomFlip', prob=0.0), *part.pipeline]

    loader = build_whole_split(cfg, 'train', ())

    assert len(loader.dataset.dataset.pipeline.transforms) == 2


def test_a_split_that_is_not_there_is_told():
    cfg = Config(dict(train_dataloader=dict(batch_size=1), val_dataloader=None))
    assert split_dataloader(cfg, 'train').batch_size == 1
    with pytest.raises(ValueError, match='no val_dataloader; .* those of: train'):
        split_dataloader(cfg, 'val')
    with pytest.raises(ValueError, match='no test_dataloader; .* those of: none'):
        split_dataloader(Config(), 'test')
