"""Looking into image files: broken ones, odd ones and copies."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from mmgala.start.inspection import inspect
from mmgala.start.source import find_images
from tests.start.pictures import write_classes, write_image


def look(root):
    return inspect(find_images(root))


def labels(found):
    return sorted(item.path for item in found.source.items)


def truncated_jpeg(path):
    content = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content, 'JPEG')
    path.write_bytes(content.getvalue()[:1500])


def test_broken_files_get_a_line_each_and_are_left_out(tmp_path):
    write_classes(tmp_path, {'a': 3, 'b': 2})
    truncated_jpeg(tmp_path / 'a' / 'cut.jpg')
    (tmp_path / 'a' / 'text.jpg').write_text('not an image')
    (tmp_path / 'b' / 'empty.png').touch()
    calls = []

    found = inspect(find_images(tmp_path), lambda: calls.append(1))

    assert set(found.broken) == {'a/cut.jpg', 'a/text.jpg', 'b/empty.png'}
    assert labels(found) == ['a/0.png', 'a/1.png', 'a/2.png', 'b/0.png', 'b/1.png']
    assert len(calls) == 8
    for name, reason in (('cut', 'truncated'), ('text', 'not an image'), ('empty', '')):
        assert any(
            name in line and reason in line and line.startswith('Left out')
            for line in found.source.remarks
        )


def test_many_broken_files_are_counted(tmp_path):
    write_classes(tmp_path, {'a': 1, 'b': 1})
    for number in range(6):
        (tmp_path / 'a' / f'x{number}.png').write_text('x')

    remarks = look(tmp_path).source.remarks

    assert len(remarks) == 4
    assert '3 more files' in remarks[-1]


@pytest.mark.parametrize(
    ('mode', 'kind'),
    [('RGBA', 'alpha'), ('L', 'plain'), ('P', 'plain'), ('1', 'plain')],
)
def test_modes(tmp_path, mode, kind):
    write_classes(tmp_path, {'a': 1, 'b': 1}, mode=mode)

    found = look(tmp_path)

    assert {file.kind for file in found.files.values()} == {kind}
    assert bool(found.source.remarks) == (kind == 'alpha')


def test_16_bits_are_used_and_32_bits_are_not(tmp_path):
    write_classes(tmp_path, {'a': 1, 'b': 1})
    levels = np.arange(64 * 64).reshape(64, 64)
    Image.fromarray(levels.astype(np.uint16)).save(tmp_path / 'a' / '16.png')
    Image.fromarray(levels.astype(np.float32)).save(tmp_path / 'a' / '32.tif')

    found = look(tmp_path)

    assert found.files['a/16.png'].kind == 'deep'
    assert 'PNG' in found.broken['a/32.tif']
    assert any('8 bits' in line for line in found.source.remarks)


def test_copies_are_used_once(tmp_path):
    write_classes(tmp_path, {'a': 2, 'b': 2})
    shutil.copy(tmp_path / 'a' / '1.png', tmp_path / 'a' / 'z.png')

    found = look(tmp_path)

    assert labels(found) == ['a/0.png', 'a/1.png', 'b/0.png', 'b/1.png']
    assert 'a/z.png, the same as a/1.png' in found.source.remarks[-1]


def test_one_image_in_two_classes_is_not_used(tmp_path):
    write_classes(tmp_path, {'a': 2, 'b': 2})
    shutil.copy(tmp_path / 'a' / '1.png', tmp_path / 'b' / 'wrong.png')

    found = look(tmp_path)

    assert labels(found) == ['a/0.png', 'b/0.png', 'b/1.png']
    assert 'b/wrong.png, the same as a/1.png: delete' in found.source.remarks[-1]


def test_copies_in_the_parts_of_the_user_are_named_but_stay(tmp_path):
    write_classes(tmp_path / 'train', {'a': 2, 'b': 2})
    write_classes(tmp_path / 'test', {'a': 1, 'b': 1})

    found = look(tmp_path)

    assert len(found.source.items) == 6
    assert '2 images are in several parts' in found.source.remarks[-1]


def test_sizes(tmp_path):
    write_image(tmp_path / 'a' / '1.png', size=(10, 30))
    write_image(tmp_path / 'a' / '2.png', size=(20, 20))
    write_image(tmp_path / 'b' / '3.png', size=(60, 50))

    found = look(tmp_path)

    assert found.size_range() == ('10 x 30', '20 x 20', '60 x 50')
    assert found.median_side() == 20


def test_only_broken_files(tmp_path):
    for name in 'ab':
        (tmp_path / name).mkdir()
        (tmp_path / name / '1.png').write_text('x')
    with pytest.raises(ValueError, match='fewer than two classes.*2 files cannot.*a/1'):
        look(tmp_path)


def test_missing_files_of_a_csv(tmp_path):
    write_classes(tmp_path, {'a': 1, 'b': 1})
    (tmp_path / 'list.csv').write_text('path,label\na/0.png,a\nb/0.png,b\nb/9.png,b\n')

    found = look(tmp_path / 'list.csv')

    assert found.broken == {'b/9.png': 'No such file or directory'}
