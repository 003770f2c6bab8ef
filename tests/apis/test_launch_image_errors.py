"""Whatever is wrong with an image file, the error names it."""

import struct
import zlib

import cv2
import mmcv
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile

from mmgala.apis.launch import add_paths_to_image_errors


@pytest.fixture(autouse=True)
def _named(monkeypatch):
    monkeypatch.setattr(LoadImageFromFile, 'transform', LoadImageFromFile.transform)
    monkeypatch.setattr('PIL.Image.MAX_IMAGE_PIXELS', 1000)
    _without_limit(monkeypatch)
    add_paths_to_image_errors()
    add_paths_to_image_errors()  # as a program that calls two tools would


@pytest.fixture(scope='module')
def png():
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    encoded, buffer = cv2.imencode('.png', noise)
    assert encoded
    return noise, buffer.tobytes()


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_whole_image_is_loaded_as_before(tmp_path, png, backend):
    noise, content = png
    path = tmp_path / 'good.png'
    path.write_bytes(content)

    loaded = LoadImageFromFile(imdecode_backend=backend)({'img_path': str(path)})

    np.testing.assert_array_equal(loaded['img'], noise)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize(
    'damage', ['empty', 'garbage', 'header only', 'half', 'missing']
)
def test_broken_image_is_named(tmp_path, png, backend, damage):
    path = tmp_path / 'broken.png'
    content = {
        'empty': b'',
        'garbage': b'<html>404</html>',
        'header only': png[1][:20],
        'half': png[1][: len(png[1]) // 2],
    }
    if damage in content:
        path.write_bytes(content[damage])

    with pytest.raises((OSError, AssertionError), match=r'broken\.png'):
        LoadImageFromFile(imdecode_backend=backend)({'img_path': str(path)})


def test_ignored_images_stay_ignored(tmp_path):
    path = tmp_path / 'empty.png'
    path.touch()

    assert LoadImageFromFile(ignore_empty=True)({'img_path': str(path)}) is None


def bomb(width, height):
    """A PNG file of zeros that is 8,000 times as large when it is decoded."""

    def chunk(kind, content):
        crc = zlib.crc32(kind + content)
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', crc)

    header = struct.pack('>IIBBBBB', width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + width // 8) * height), 9)
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        chunk(*part) for part in ((b'IHDR', header), (b'IDAT', rows), (b'IEND', b''))
    )


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('side', [16_384, 32_768])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(
    tmp_path, backend, side, monkeypatch
):
    path = tmp_path / 'bomb.png'
    path.write_bytes(bomb(side, side))
    assert path.stat().st_size < 150_000
    for name in ('imdecode', 'Image.Image.load'):
        monkeypatch.setattr(
            f'cv2.{name}' if name == 'imdecode' else f'PIL.{name}',
            lambda *args: pytest.fail('it was decoded'),
        )

    size = {16_384: '16384 x 16384', 32_768: '1,073,741,824'}[side]
    message = rf'bomb\.png .*of {size} pixels is too large.*MMGALA_MAX_IMAGE_PIXELS'
    with pytest.raises(OSError, match=message):
        LoadImageFromFile(imdecode_backend=backend)({'img_path': str(path)})


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_the_limit_can_be_set(tmp_path, png, backend, monkeypatch):
    _without_limit(monkeypatch)
    monkeypatch.setenv('MMGALA_MAX_IMAGE_PIXELS', '255')
    add_paths_to_image_errors()
    path = tmp_path / 'good.png'
    path.write_bytes(png[1])
    load = LoadImageFromFile(imdecode_backend=backend)

    with pytest.raises(OSError, match=r'good\.png.* 16 x 16 .*at most 255 pixels'):
        load({'img_path': str(path)})

    _without_limit(monkeypatch)
    monkeypatch.setenv('MMGALA_MAX_IMAGE_PIXELS', '256')
    add_paths_to_image_errors()
    assert load({'img_path': str(path)})['img'].shape == (16, 16, 3)


@pytest.mark.parametrize('value', ['0', 'many', '1e6'])
def test_a_limit_that_is_no_number_is_refused(monkeypatch, value):
    monkeypatch.setenv('MMGALA_MAX_IMAGE_PIXELS', value)
    with pytest.raises(ValueError, match=f'MMGALA_MAX_IMAGE_PIXELS .*{value}'):
        add_paths_to_image_errors()


def _without_limit(monkeypatch):
    decode = mmcv.image.io.imfrombytes
    decode = getattr(decode, '__wrapped__', decode)
    for module in ('mmcv', 'mmcv.image', 'mmcv.image.io'):
        monkeypatch.setattr(f'{module}.imfrombytes', decode)
