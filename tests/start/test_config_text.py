"""Settings by rules, and the config that states them."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmgala.apis.models import load_model  # noqa: F401  # registers models
from mmgala.registry import DATASETS, MODELS
from mmgala.start import backbones
from mmgala.start.backbones import choose_backbone, from_mmpretrain, small_network
from mmgala.start.config_text import as_code, config_text
from mmgala.start.rules import choose_settings
from mmgala.start.source import find_images
from mmgala.start.split import split_images
from tests.start.pictures import write_classes


def settings(network, **changes):
    values = dict(images=300, side=200, on_gpu=False, cores=2)
    return choose_settings(network, **{**values, **changes})


def pretrained(name='resnet18'):
    network, _ = from_mmpretrain(name)
    return backbones.with_weights(network, 'weights.pth', 'here', 'backbone.')


def written(tmp_path, network, chosen):
    source = find_images(write_classes(tmp_path / 'my data', {'a': 6, "b'c": 5}))
    split = split_images(source.items, 0.2, 0.2, 0)
    folder = tmp_path / 'out'
    folder.mkdir()
    (folder / 'split.csv').write_text(split.as_csv())
    path = folder / 'flowers.py'
    text = config_text(
        network, chosen, title='flowers', root=source.root, path=Path('out/flowers.py'),
        classes=2, images=7, seed=3, command='mmgala start "my data"', version='1',
    )  # fmt: skip
    path.write_text(text)
    return Config.fromfile(path)


@pytest.mark.parametrize('name', ['small', 'resnet18', 'swin-tiny'])
def test_config_is_read_and_its_parts_are_built(tmp_path, name):
    network = small_network('') if name == 'small' else from_mmpretrain(name)[0]
    cfg = written(tmp_path, network, settings(network))

    MODELS.build(cfg.model)
    counts = [
        len(DATASETS.build(cfg[f'{part}_dataloader'].dataset))
        for part in ('train', 'val', 'test')
    ]

    assert counts == [7, 2, 2]
    assert cfg.model.head.num_classes == 2
    assert cfg.randomness.seed == 3
    assert cfg.default_hooks.checkpoint.save_best == 'accuracy/class_mean'
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 1
    assert cfg.work_dir == str(tmp_path / 'out' / 'train')


def test_pretrained_weights_and_rate_of_the_head(tmp_path):
    network = pretrained()
    cfg = written(tmp_path, network, settings(network))

    assert cfg.model.backbone.init_cfg == dict(
        type='Pretrained', checkpoint='weights.pth', prefix='backbone.'
    )
    assert cfg.optim_wrapper.paramwise_cfg.custom_keys.head.lr_mult == 10


@pytest.mark.parametrize('trained', [False, True])
def test_every_line_fits_and_reasons_are_stated(tmp_path, trained):
    network = pretrained() if trained else small_network('no weights ' * 12)
    chosen = settings(network)
    written(tmp_path, network, chosen)

    lines = (tmp_path / 'out' / 'flowers.py').read_text().splitlines()

    assert max(len(line) for line in lines if str(tmp_path) not in line) <= 88
    text = ' '.join(line.removeprefix('# ') for line in lines)
    for reason in chosen.reasons.values():
        assert reason in text


@pytest.mark.parametrize(
    ('images', 'batch', 'epochs'),
    [(50, 8, 100), (320, 16, 100), (1000, 32, 60), (2000, 64, 30), (10**6, 64, 20)],
)
def test_batch_and_epochs_from_the_start(images, batch, epochs):
    chosen = settings(small_network(''), images=images)

    assert (chosen.batch_size, chosen.epochs) == (batch, epochs)
    assert chosen.lr == pytest.approx(2e-3 * batch / 32)


@pytest.mark.parametrize(('images', 'epochs'), [(300, 30), (2000, 15), (10**6, 10)])
def test_epochs_with_pretrained_weights(images, epochs):
    assert settings(pretrained(), images=images).epochs == epochs


@pytest.mark.parametrize(
    ('network', 'side', 'gpu', 'size'),
    [
        (small_network(''), 50, False, 64), (small_network(''), 200, False, 96),
        (small_network(''), 200, True, 128), (pretrained(), 50, False, 128),
        (pretrained(), 50, True, 224), (pretrained('swin-tiny'), 50, False, 224),
    ],
)  # fmt: skip
def test_image_size(network, side, gpu, size):
    assert settings(network, side=side, on_gpu=gpu).image_size == size


def test_wishes_are_kept():
    chosen = settings(small_network(''), epochs=7, image_size=40)
    assert (chosen.epochs, chosen.image_size) == (7, 40)


def test_a_size_that_the_network_cannot_take():
    with pytest.raises(ValueError, match='swin-tiny.*224.*--image-size 96'):
        settings(pretrained('swin-tiny'), image_size=96)


def test_without_network_the_small_one_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(backbones, 'unreachable', lambda address: 'example.org: no')
    monkeypatch.setattr(backbones.torch.hub, 'get_dir', lambda: str(tmp_path))

    found = choose_backbone(None, None, on_gpu=False)

    assert (found.name, found.weights) == ('small', '')
    assert 'example.org: no' in found.reason
    assert '--pretrained' in found.reason


@pytest.mark.parametrize(('on_gpu', 'name'), [(False, 'resnet18'), (True, 'resnet50')])
def test_with_network_weights_are_downloaded(monkeypatch, tmp_path, on_gpu, name):
    monkeypatch.setattr(backbones, 'unreachable', lambda address: '')
    monkeypatch.setattr(backbones.torch.hub, 'get_dir', lambda: str(tmp_path))

    found = choose_backbone(None, None, on_gpu)

    assert found.name == name
    assert found.weights.startswith('https://')
    assert f'{name}_8xb32_in1k' in found.weights


@pytest.mark.parametrize(('prefix', 'name'), [('', 'resnet18-f37072fd.pth'),
                                              ('backbone.', None)])  # fmt: skip
def test_weights_on_this_computer(monkeypatch, tmp_path, prefix, name):
    """Those of torchvision have no prefix, and a classifier ``fc``."""
    import torch

    network, address = from_mmpretrain('resnet18')
    state = MODELS.build(dict(network.backbone)).state_dict()
    content = {f'{prefix}{key}': value for key, value in state.items()}
    path = tmp_path / 'checkpoints' / (name or Path(address).name)
    path.parent.mkdir()
    torch.save({**content, 'fc.bias': torch.zeros(3)}, path)
    monkeypatch.setattr(backbones.torch.hub, 'get_dir', lambda: str(tmp_path))

    found = choose_backbone(None, None, on_gpu=False)

    assert (found.name, found.weights, found.prefix) == ('resnet18', str(path), prefix)


def test_weights_of_another_network(tmp_path):
    import torch

    path = tmp_path / 'other.pth'
    torch.save({'conv1.weight': torch.zeros(1)}, path)
    with pytest.raises(
        ValueError, match=r'other.pth.*resnet18: conv1.weight has shape'
    ):
        choose_backbone('resnet18', str(path), on_gpu=False)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('resnet81', 'resnet81.*did you mean resnet18'),
        ('mobilenet-v3-small_8xb128_in1k', 'StackedLinearClsHead.*choose'),
    ],
)
def test_unknown_and_unsuitable_backbones(name, message):
    with pytest.raises(ValueError, match=message):
        choose_backbone(name, 'none', on_gpu=False)


def test_code_of_values():
    value = dict(type='A', b=dict(c=(1, 2)), d='x' * 80)
    assert eval(as_code(value, 4)) == value
