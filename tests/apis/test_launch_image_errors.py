"""Whatever is wrong with an image file, the error names it."""

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile

from mmgala.apis.launch import add_paths_to_image_errors


@pytest.fixture(autouse=True)
def _named(monkeypatch):
    monkeypatch.setattr(LoadImageFromFile, 'transform', LoadImageFromFile.transform)
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
