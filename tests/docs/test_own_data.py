"""docs/own_data.md: from a folder of images to a trained model, as printed."""

import re
import shlex
import textwrap
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmgala.cli.commands import start
from tests.start.calling import call as call_command
from tests.start.calling import run
from tests.tools.command_line import call

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'own_data.md').read_text()
FLOWERS = {'daisy': 60, 'orchid': 10, 'rose': 25}

# Makes the printed training short enough for a test.
SMALL = [
    'train_cfg.max_epochs=3',
    'train_cfg.val_interval=3',
    'param_scheduler.T_max=3',
    'train_dataloader.batch_size=8',
    'model.backbone.base_channels=8',
    'model.backbone.stem_channels=8',
    'model.head.in_channels=64',
    'train_dataloader.dataset.pipeline.1.scale=64',
]
for split in ('val', 'test'):
    pipeline = f'{split}_dataloader.dataset.pipeline'
    SMALL += [f'{pipeline}.1.scale=72', f'{pipeline}.2.crop_size=64']
SMALL += [f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')]


def step(name, language):
    """Code of one step of the page."""
    pattern = rf'<!-- step: {name} -->\n```{language}\n(.*?)```'
    (code,) = re.findall(pattern, PAGE, flags=re.DOTALL)
    return code


def commands(name):
    """Command lines of one step: tool and arguments."""
    lines = step(name, 'bash').replace('\\\n', ' ').splitlines()
    return [shlex.split(line.replace('epoch_50', 'epoch_3')) for line in lines]


def write_images(root):
    """Images whose class can be seen by their colour."""
    rng = np.random.default_rng(0)
    for index, (name, count) in enumerate(FLOWERS.items()):
        (root / name).mkdir(parents=True)
        for i in range(count):
            image = rng.integers(0, 60, (40, 40, 3), dtype=np.uint8)
            image[..., index] += 150
            assert cv2.imwrite(str(root / name / f'{i}.png'), image)
    # What systems and editors leave behind.
    for clutter in ('daisy/.DS_Store', 'rose/._0.png', 'rose/Thumbs.db'):
        (root / clutter).touch()
    (root / '.ipynb_checkpoints').mkdir()
    (root / '.ipynb_checkpoints' / '0-checkpoint.png').touch()


@pytest.fixture(scope='module')
def followed(tmp_path_factory):
    """The page, followed to its end; what each command printed last."""
    folder = tmp_path_factory.mktemp('tutorial')
    write_images(folder / 'data' / 'flowers')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(step('split', 'python'), 'own_data.md', 'exec'), {})
    (folder / 'flowers.py').write_text(step('config', 'python'))
    ends = []
    for program, tool, *arguments in commands('train') + commands('deploy'):
        assert program == 'python'
        name = Path(tool).stem
        ends.append(call(name, *arguments, '--cfg-options', *SMALL, cwd=folder))
    return SimpleNamespace(folder=folder, ends=ends)


def test_one_command_makes_a_model_and_the_next_one_uses_it(tmp_path):
    """The first two commands of the page, with a training that is short enough."""
    write_images(tmp_path / 'data' / 'flowers')
    assert cv2.imwrite(str(tmp_path / 'photo.jpg'), np.zeros((40, 40, 3), np.uint8))
    short = ('--epochs', '1', '--backbone', 'small', '--image-size', '32')
    ((mmgala, *start),) = commands('start')
    ((_, *predict),) = commands('use')
    assert mmgala == 'mmgala'
    run(*start, *short, '--device', 'cpu', cwd=tmp_path)
    work_dir = tmp_path / 'work_dirs/flowers'
    for name in ('images.csv', 'split.csv', 'flowers.py', 'model.pth', 'report.html'):
        assert (work_dir / name).is_file()
        assert f'`{name}`' in PAGE
    out, _ = run(*predict, cwd=tmp_path)
    assert any(name in out for name in FLOWERS)


def test_split_has_every_image_once_and_every_class_in_every_part(followed):
    lines = (followed.folder / 'data/flowers/split.csv').read_text().split()
    rows = [line.split(',') for line in lines[1:]]

    assert lines[0] == 'path,label,split'
    assert len({path for path, _, _ in rows}) == len(rows) == sum(FLOWERS.values())
    for name, count in FLOWERS.items():
        parts = [split for path, label, split in rows if label == name]
        assert [parts.count(part) for part in ('train', 'val', 'test')] == [
            round(0.6 * count), round(0.2 * count), round(0.2 * count)
        ]  # fmt: skip


def test_the_first_command_understands_the_folder(followed, capsys):
    assert commands('start') == [['mmgala', 'start', 'data/flowers']]
    words = ('data/flowers', '--dry-run', '--backbone', 'small')

    assert call_command(start, *words, cwd=followed.folder) is None

    table = capsys.readouterr().out
    for name, count in FLOWERS.items():
        assert re.search(rf'\| {name} +\| +{count} \|', table)
    assert commands('use')[0][:3] == ['mmgala', 'predict', 'work_dirs/flowers']


def test_every_command_succeeds(followed):
    assert followed.ends == [None] * 4


def test_training_learns_and_reports_shot_groups(followed):
    logs = sorted((followed.folder / 'work_dirs/flowers').glob('*/*.log'))
    text = '\n'.join(log.read_text() for log in logs)

    # 36, 6 and 15 training images: one medium class, two few.
    (accuracy,) = set(re.findall(r'Epoch\(val\) \[3\].*?top1: ([\d.]+)', text))
    assert float(accuracy) > 60
    table = re.search(r'^training set .*?\n\n', text, re.DOTALL | re.MULTILINE)[0]
    assert textwrap.indent(table.rstrip(), '    ') in PAGE
    assert 'many: no classes' in text
    assert re.search(r'accuracy/medium: [\d.]+ +accuracy/few: [\d.]+', text)


def test_rebalancing_does_not_cost_accuracy(followed):
    """The test set is long-tailed, 12, 5 and 2 images, and the page says so."""
    logs = sorted((followed.folder / 'work_dirs/flowers').glob('2*/2*.log'))
    found = [re.findall(r'Epoch\(test\).*?top1: ([\d.]+)', p.read_text()) for p in logs]
    raw, rebalanced = [float(value) for values in found for value in values]

    assert rebalanced >= raw > 60
    assert not any('WARNING: the predictions' in path.read_text() for path in logs)


def test_deployed_model_predicts_single_images(followed):
    from mmpretrain import ImageClassificationInferencer

    from mmgala.apis.launch import load_config

    work_dir = followed.folder / 'work_dirs' / 'flowers'
    cfg = load_config(str(work_dir / 'deploy.py'))
    inferencer = ImageClassificationInferencer(
        cfg, str(work_dir / 'deploy.pth'), device='cpu'
    )
    image = followed.folder / 'data/flowers/daisy/0.png'

    (result,) = inferencer(str(image))

    assert result['pred_class'] == 'daisy'
