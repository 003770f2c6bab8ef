"""What is read from a test pipeline: order of the channels, and the centre crop."""

import pytest

from mmgala.apis.export.pipelines import central_share, is_bgr

FILE = dict(type='LoadImageFromFile')
SWAP, BACK = dict(type='NumpyToPIL', to_rgb=True), dict(type='PILToNumpy', to_bgr=True)
PACK = dict(type='PackInputs')


@pytest.mark.parametrize(('pipeline', 'to_rgb', 'bgr'), [
    ([PACK], False, False),  # arrays of a data set
    ([PACK], True, True),
    ([FILE, PACK], False, True),
    ([FILE, PACK], True, False),
    ([dict(type='mmcv.LoadImageFromFile'), PACK], True, False),
    ([FILE, SWAP, PACK], False, False),
    ([FILE, SWAP, BACK, PACK], False, True),
    ([FILE, SWAP, BACK, PACK], True, False),
    ([], True, True),
])  # fmt: skip
def test_order_of_the_channels(pipeline, to_rgb, bgr):
    assert is_bgr(pipeline, to_rgb) == bgr


@pytest.mark.parametrize(('pipeline', 'share'), [
    ([PACK], 1.0),
    ([dict(type='ResizeEdge', scale=256, edge='short'),
      dict(type='CenterCrop', crop_size=224)], 0.875),
    ([dict(type='ResizeEdge', scale=256),
      dict(type='CenterCrop', crop_size=(224, 192))], 0.75),
    ([dict(type='ResizeEdge', scale=64)], 1.0),
    ([dict(type='CenterCrop', crop_size=224)], 1.0),
    ([dict(type='Resize', scale=(256, 256)), dict(type='CenterCrop', crop_size=224)],
     1.0),
])  # fmt: skip
def test_share_of_the_centre_crop(pipeline, share):
    assert central_share(pipeline) == share
