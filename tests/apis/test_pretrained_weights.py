"""Weights that a config names are fetched and looked at before anything is built."""

import hashlib
import io
import os

import pytest
import torch
from mmengine.config import Config
from mmengine.model import PretrainedInit
from torch import nn

from mmgala.apis.pretrained_weights import check_pretrained_weights
from mmgala.models import CIFARResNet
from tests.apis.file_server import serve
from tests.utils.test_checkpoint import Calls


@pytest.fixture
def server(monkeypatch):
    for name in ('no_proxy', 'NO_PROXY'):
        monkeypatch.setenv(name, '127.0.0.1')
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where PyTorch keeps what it downloads."""
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
    return tmp_path / 'hub' / 'checkpoints'


def weights(value=0.5):
    """A checkpoint of a whole model, as bytes."""
    backbone = CIFARResNet(20, base_channels=2)
    for parameter in backbone.parameters():
        nn.init.constant_(parameter, value)
    file = io.BytesIO()
    state = {f'backbone.{name}': v for name, v in backbone.state_dict().items()}
    torch.save({'state_dict': state}, file)
    return file.getvalue()


def config(checkpoint, **backbone):
    init_cfg = dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')
    return Config(dict(model=dict(backbone=dict(init_cfg=init_cfg, **backbone))))


def refusal(cfg, error_type):
    with pytest.raises(error_type) as error:
        check_pretrained_weights(cfg)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.mark.parametrize('query', ['', '?versionId=a/b&x=1'])
def test_download_is_what_the_model_starts_from(server, folder, query):
    content = weights(0.5)
    name = server.publish(content)
    cfg = config(f'{server.url}/models/{name}{query}')

    check_pretrained_weights(cfg)

    assert server.requests == [f'/models/{name}{query}']
    assert (folder / name).read_bytes() == content
    assert os.listdir(folder) == [name]
    # MMEngine finds it there, and asks for nothing.
    backbone = CIFARResNet(20, base_channels=2, **cfg.model.backbone)
    backbone.init_weights()
    assert len(server.requests) == 1
    assert {x for p in backbone.parameters() for x in p.unique().tolist()} == {0.5}


def test_name_without_a_checksum(server, folder):
    server.files['/resnet.pth'] = weights()
    check_pretrained_weights(config(f'{server.url}/resnet.pth'))
    assert (folder / 'resnet.pth').read_bytes() == server.files['/resnet.pth']


def test_download_that_would_run_code(server, folder, tmp_path):
    victim, file = tmp_path / 'victim', io.BytesIO()
    torch.save({'state_dict': {}, 'x': Calls(os.system, f'touch {victim}')}, file)
    name = server.publish(file.getvalue())

    message = refusal(config(f'{server.url}/models/{name}'), ValueError)

    assert 'could run code' in message
    assert os.listdir(folder) == []
    assert not victim.exists()


def test_truncated_download_without_a_checksum(server, folder):
    server.files['/resnet.pth'] = weights()[:-100]

    assert 'cannot be read' in refusal(config(f'{server.url}/resnet.pth'), ValueError)
    assert os.listdir(folder) == []


def test_damaged_file_that_is_there(server, folder):
    folder.mkdir(parents=True)
    (folder / 'resnet.pth').write_bytes(b'half')

    message = refusal(config(f'{server.url}/resnet.pth'), ValueError)

    assert str(folder / 'resnet.pth') in message
    assert server.requests == []


def test_file_that_is_there_is_not_asked_for(server, folder):
    content = weights()
    name = server.publish(content)
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)

    check_pretrained_weights(config(f'{server.url}/models/{name}'))

    assert server.requests == []


def test_other_ranks_leave_the_download_to_the_first(server, folder, monkeypatch):
    monkeypatch.setattr('mmgala.apis.pretrained_weights.is_main_process', lambda: False)
    check_pretrained_weights(config(f'{server.url}/models/{server.publish(weights())}'))
    assert server.requests == []


@pytest.mark.parametrize('damage', ['truncated', 'replaced'])
def test_wrong_checksum(server, folder, damage):
    content = weights()
    name = server.publish(content)
    changed = content[:-100] if damage == 'truncated' else weights(0.25)
    server.files[f'/models/{name}'] = changed
    url = f'{server.url}/models/{name}'

    message = refusal(config(url), ValueError)

    assert message.startswith(f'The download from {url} is not the published file: ')
    digest = hashlib.sha256(changed).hexdigest()
    assert f'got "{digest}"' in message
    assert f'expected "{name[-12:-4]}"' in message
    assert os.listdir(folder) == []


def test_page_not_found(server, folder):
    url = f'{server.url}/models/resnet-0123abcd.pth'

    message = refusal(config(url), OSError)

    assert f'Could not download {url} (Not Found)' in message
    assert f'put it at {folder}/resnet-0123abcd.pth, or' in message
    assert '--cfg-options model.backbone.init_cfg.checkpoint=FILE' in message
    assert os.listdir(folder) == []


def test_no_network(folder):
    with serve() as server:  # a port where nobody listens any more
        url = f'{server.url}/models/resnet-0123abcd.pth'

    message = refusal(config(url), OSError)

    assert message.startswith(f'Could not download {url} ([Errno ')
    assert 'Connection refused' in message
    assert f'put it at {folder}/resnet-0123abcd.pth, or' in message
    assert 'model.backbone.init_cfg.checkpoint=FILE' in message


def test_following_the_advice_helps(folder):
    with serve() as server:
        url = f'{server.url}/resnet-0123abcd.pth'
    with pytest.raises(OSError, match='put it at (.*), or') as error:
        check_pretrained_weights(config(url))
    advised = str(error.value).partition('put it at ')[2].partition(', or')[0]
    with open(advised, 'wb') as file:
        file.write(weights(0.75))
    cfg = config(url)

    check_pretrained_weights(cfg)

    backbone = CIFARResNet(20, base_channels=2, **cfg.model.backbone)
    backbone.init_weights()
    assert backbone.conv1.weight.unique().tolist() == [0.75]


def test_initialisers_given_as_classes_are_checked(tmp_path):
    path = str(tmp_path / 'nothing.pth')
    init_cfg = dict(type=PretrainedInit, checkpoint=path)

    with pytest.raises(FileNotFoundError, match=r'nothing\.pth'):
        check_pretrained_weights(Config(dict(model=dict(init_cfg=init_cfg))))


def test_missing_local_file(tmp_path):
    path = tmp_path / 'mine.pth'
    message = refusal(config(str(path)), FileNotFoundError)
    assert message == f'Checkpoint {path} does not exist.'


def test_local_file_that_would_run_code(tmp_path):
    path, victim = tmp_path / 'mine.pth', tmp_path / 'victim'
    torch.save({'state_dict': {}, 'x': Calls(os.system, f'touch {victim}')}, path)

    assert 'could run code' in refusal(config(str(path)), ValueError)

    assert not victim.exists()
    torch.load(path, weights_only=False)
    assert victim.exists()  # it does run where nobody looks


@pytest.mark.parametrize(
    ('model', 'key'),
    [
        (lambda x: dict(init_cfg=x), 'model.init_cfg'),
        (lambda x: dict(head=dict(a=[dict(b=1), x])), 'model.head.a.1'),
        (lambda x: dict(a=([0], (1, dict(init_cfg=x)))), 'model.a.1.1.init_cfg'),
    ],
)
def test_weights_are_found_wherever_they_are_named(folder, model, key):
    url = 'http://127.0.0.1:9/x.pth'
    cfg = Config(dict(model=model(dict(type='Pretrained', checkpoint=url))))
    assert f' --cfg-options {key}.checkpoint=FILE.' in refusal(cfg, OSError)


def test_what_names_no_file_is_left_alone(tmp_path, folder):
    missing = str(tmp_path / 'missing.pth')
    model = dict(
        a=dict(init_cfg=dict(type='Pretrained', checkpoint=None)),
        b=dict(init_cfg=dict(type='Kaiming', checkpoint=missing)),
        c=dict(init_cfg=dict(type='Pretrained', checkpoint='torchvision://x')),
        d=dict(checkpoint=missing),
    )
    teacher = dict(init_cfg=dict(type='Pretrained', checkpoint=missing))
    check_pretrained_weights(Config(dict(model=model, teacher=teacher)))
    assert not folder.exists()


@pytest.mark.parametrize(
    'place',
    [
        lambda x: dict(load_from=x, model=dict()),
        lambda x: dict(model=dict(pretrained=x)),
        lambda x: dict(model=dict(backbone=dict(pretrained=x))),
    ],
    ids=['load_from', 'model', 'part of the model'],
)
@pytest.mark.parametrize('name', ['mine.pth', 'a://mine.pth'])
def test_all_weights_of_a_config_are_checked(tmp_path, place, name):
    path, victim = tmp_path / name, tmp_path / 'victim'
    path.parent.mkdir(exist_ok=True)
    torch.save({'state_dict': {}, 'x': Calls(os.system, f'touch {victim}')}, path)
    # pathlib would make a single slash of the two.
    cfg = Config(place(f'{tmp_path}/{name}'))

    assert 'posix.system' in refusal(cfg, ValueError)

    assert not victim.exists()


def test_downloaded_load_from_is_checked_by_name(folder):
    cfg = Config(dict(load_from='http://127.0.0.1:9/x.pth', model=dict()))
    assert ' --cfg-options load_from=FILE.' in refusal(cfg, OSError)
