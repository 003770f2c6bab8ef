"""Options that the recipes name do what they say."""

import pytest
from mmpretrain.datasets.transforms import Posterize

from tests.configs.built_recipes import build
from tests.configs.inspection import (
    learning_rate,
    learning_rates,
    moved_by_training,
    running_statistics,
)
from tests.configs.recipe_table import CIFAR, cosine
from tests.small_recipes import ONE_RESIDUAL_STAGE

pytestmark = pytest.mark.filterwarnings('ignore:Detected call of')


@pytest.fixture(scope='module')
def cifar_with_options(tmp_path_factory, miniatures):
    (runner,) = build(
        'gala/resnet32_cifar100-lt-if100',
        tmp_path_factory.mktemp('options') / 'work',
        miniatures,
        param_scheduler__0__factor=1.0,
        train_dataloader__drop_last=False,
        train_dataloader__dataset__profile='step',
        model__head__loss__lambda_pos=1.2,
        model__head__loss__lambda_neg=0.9,
        model__head__loss__variant='official',
    )
    return runner


def test_first_epoch_with_the_whole_learning_rate(cifar_with_options):
    found = learning_rates(cifar_with_options, 200)

    assert found == pytest.approx([0.1, *CIFAR.learning_rates[1:]])


def test_last_incomplete_batch(cifar, cifar_with_options):
    for runner, incomplete in ((cifar, 0), (cifar_with_options, 1)):
        loader = runner.train_dataloader
        assert len(loader.dataset) % 64 != 0
        assert len(loader) == len(loader.dataset) // 64 + incomplete


def test_profile(cifar, cifar_with_options):
    counts = [
        runner.train_dataloader.dataset.metainfo['class_counts']
        for runner in (cifar, cifar_with_options)
    ]

    assert counts == [[120, 47, 19, 7, 3, 1], [120, 120, 120, 1, 1, 1]]


def test_loss(cifar, cifar_with_options):
    loss = cifar_with_options.model.head.loss_module

    assert (loss.lambda_pos, loss.lambda_neg, loss.variant) == (1.2, 0.9, 'official')
    published = cifar.model.head.loss_module
    assert (published.lambda_pos, published.lambda_neg) == (1.0, 1.0)
    assert published.variant == 'paper'


@pytest.fixture(scope='module')
def imagenet_with_options(tmp_path_factory, miniatures):
    return build(
        'gala/resnext50_imagenet-lt',
        tmp_path_factory.mktemp('options') / 'work',
        miniatures,
        '--auto-scale-lr',
        model__norm_eval=True,
        param_scheduler__1__last_step=-1,
        train_dataloader__batch_size=16,
        train_dataloader__drop_last=False,
        train_dataloader__dataset__pipeline__0__imdecode_backend='cv2',
        train_dataloader__dataset__pipeline__0__color_type='color',
        train_dataloader__dataset__pipeline__4__backend='cv2',
        train_dataloader__dataset__pipeline__7__policies__4__type='Posterize',
        train_dataloader__dataset__pipeline__7__hparams__interpolations='[bicubic]',
        stage1__train_cfg__max_epochs=90,
        **ONE_RESIDUAL_STAGE,
    )


def test_fixed_statistics_of_the_frozen_backbone(imagenet_with_options):
    first, second = imagenet_with_options
    assert running_statistics(first) <= moved_by_training(first, 32, num_classes=6)[1]

    parameters, buffers = moved_by_training(second, 32, num_classes=6)

    assert parameters == {'head.fc.weight', 'head.fc.bias'}
    assert buffers == {'head.loss_module.pos_grad', 'head.loss_module.neg_grad'}


def test_learning_rates_for_other_batches_by_a_flag(imagenet_with_options):
    """One rank; only the second stage's batch size was changed."""
    found = [learning_rate(r.optim_wrapper) for r in imagenet_with_options]

    assert found == pytest.approx([0.1 * 32 / 256, 0.12 * 16 / 512])


def test_classifier_that_starts_with_the_whole_learning_rate(imagenet_with_options):
    found = learning_rates(imagenet_with_options[1], 10)

    assert found == pytest.approx([rate * 16 / 512 for rate in cosine(0.12, 10)])


def test_incomplete_batch_of_a_large_set(imagenet_with_options):
    loader = imagenet_with_options[1].train_dataloader

    assert len(loader.dataset) % 16 != 0
    assert len(loader) == len(loader.dataset) // 16 + 1


def test_augmentation_as_mmpretrain_has_it(imagenet_with_options):
    pipeline = imagenet_with_options[1].train_dataloader.dataset.pipeline
    load, crop, augment = (pipeline.transforms[i] for i in (0, 4, 7))
    operations = list(augment)

    assert (load.imdecode_backend, load.color_type) == ('cv2', 'color')
    assert crop.backend == 'cv2'
    assert type(operations[4]) is Posterize
    for position in (3, 11, 12, 13, 14):
        (operation,) = operations[position]
        assert operation.interpolation == 'bicubic'


def test_training_images_of_inaturalist_normalised_as_imagenet(tmp_path, miniatures):
    """As the authors' code does it; see the config."""
    runners = build(
        'gala/resnet50_inaturalist2018',
        tmp_path / 'work',
        miniatures,
        data_preprocessor__mean='123.675,116.28,103.53',
        data_preprocessor__std='58.395,57.12,57.375',
        **ONE_RESIDUAL_STAGE,
    )

    for runner in runners:
        preprocessor = runner.model.data_preprocessor
        assert preprocessor.mean.flatten().tolist() == pytest.approx(
            [123.675, 116.28, 103.53]
        )
        assert preprocessor.std.flatten().tolist() == pytest.approx(
            [58.395, 57.12, 57.375]
        )


def test_shorter_representation(imagenet_with_options):
    first, second = imagenet_with_options

    assert (first.train_loop.max_epochs, second.train_loop.max_epochs) == (90, 10)
    assert learning_rates(first, 90) == pytest.approx(
        [rate / 8 for rate in cosine(0.1, 90)]
    )


def test_cifar_on_a_batch_of_128(tmp_path, miniatures):
    (runner,) = build('cross_entropy/resnet32_cifar10-lt-if10', tmp_path / 'work',
                      miniatures, '--auto-scale-lr',
                      train_dataloader__batch_size=128)  # fmt: skip

    found = learning_rates(runner, 200)

    assert found == pytest.approx([2 * rate for rate in CIFAR.learning_rates])
