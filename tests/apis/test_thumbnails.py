"""Small images for a page."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mmgala.apis.thumbnails import image_of_array, image_of_file, thumbnail_address


def decoded(address):
    return Image.open(io.BytesIO(base64.b64decode(address.split(',')[1])))


def test_large_images_shrink_to_a_few_kilobytes_and_keep_their_shape():
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 255, (30, 60, 3)), np.ones((20, 20, 1)))
    address = thumbnail_address(Image.fromarray(pixels.astype(np.uint8)))
    assert address.startswith('data:image/webp;base64,')
    assert len(address) < 6000
    assert decoded(address).size == (80, 40)


def test_small_images_keep_every_pixel():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image = decoded(thumbnail_address(Image.fromarray(pixels)))
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize('turn', [False, True])
def test_arrays_of_either_layout_have_their_colours(turn):
    pixels = np.zeros((6, 8, 3), dtype=np.uint8)
    pixels[..., 0] = 200  # red
    array = pixels.transpose(2, 0, 1) if turn else pixels
    assert image_of_array(array).getpixel((0, 0)) == (200, 0, 0)
    assert image_of_array(array, reverse=True).getpixel((0, 0)) == (0, 0, 200)
    assert image_of_array(array).size == (8, 6)


def test_other_types_use_the_whole_range_of_grey():
    image = image_of_array(np.linspace(-3, 5, 12).reshape(3, 4))
    assert image.getextrema() == (0, 255)
    assert image_of_array(np.ones((3, 4))).getextrema() == (0, 0)
    many_channels = np.zeros((16, 16, 7), dtype=np.uint8)
    assert image_of_array(many_channels).mode == 'L'


def test_what_is_not_an_image_is_refused():
    with pytest.raises(ValueError, match=r'\(5,\)'):
        image_of_array(np.zeros(5))


def test_files_of_all_modes_become_thumbnails(tmp_path):
    grey16 = np.arange(10_000, 10_256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(grey16).save(tmp_path / 'deep.png')
    deep = decoded(thumbnail_address(image_of_file(tmp_path / 'deep.png')))
    assert deep.getextrema() == (0, 255)
    Image.new('RGBA', (9, 9), (255, 0, 0, 0)).save(tmp_path / 'clear.png')
    clear = decoded(thumbnail_address(image_of_file(tmp_path / 'clear.png')))
    assert clear.convert('RGB').getpixel((4, 4)) == (255, 255, 255)
    Image.new('P', (9, 9)).save(tmp_path / 'p.gif')
    assert decoded(thumbnail_address(image_of_file(tmp_path / 'p.gif'))).size == (9, 9)
    Image.new('CMYK', (90, 45)).save(tmp_path / 'c.jpg')
    assert decoded(thumbnail_address(image_of_file(tmp_path / 'c.jpg'))).size == (
        80,
        40,
    )


def test_a_photo_is_shown_as_its_camera_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new('RGB', (60, 30)).save(tmp_path / 'a.jpg', exif=exif)
    assert image_of_file(tmp_path / 'a.jpg').size == (30, 60)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.new('L', (50, 50)).save(tmp_path / 'a.png')
    monkeypatch.setenv('MMGALA_MAX_IMAGE_PIXELS', '2499')
    with pytest.raises(ValueError, match='MMGALA_MAX_IMAGE_PIXELS'):
        image_of_file(tmp_path / 'a.png')
