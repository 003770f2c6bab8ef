"""A resumed training goes on with the data that it started with."""

import pytest

from mmgala.datasets.labels import ClassCounts
from mmgala.engine.resumed_data import require_same_counts
from tests.datasets.class_folders import write_folders
from tests.engine.folder_training import folder_loader, folder_runner

NAMES = ('cat', 'dog', 'hen')
META = dict(class_counts=[5, 3, 2])


@pytest.mark.parametrize(
    ('meta', 'images', 'draws'),
    [
        (META, [5, 3, 2], [5, 3, 2]),
        (dict(META, class_draws=[5, 6, 8]), [5, 3, 2], [5, 6, 8]),
        ({}, [1, 1], [1, 1]),  # it is unknown what it was trained on
    ],
)
def test_the_same_data_are_accepted(meta, images, draws):
    require_same_counts(meta, 'x.pth', ClassCounts(images, draws), NAMES)


@pytest.mark.parametrize(
    ('meta', 'images', 'draws', 'said'),
    [
        (META, [5, 4, 2], [5, 4, 2], "class 'dog' had 3 images and now has 4"),
        (META, [4, 3, 1], [4, 3, 1], "'cat' had 5 .* has 4, and 1 other classes"),
        (META, [5, 3, 2], [5, 6, 2], "'dog' had 3 samples in an epoch and now has 6"),
        (dict(META, class_draws=[5, 6, 2]), [5, 3, 2], [5, 3, 2], 'had 6 samples'),
        (META, [5, 3], [5, 3], 'on 3 classes, and the training set has 2'),
    ],
)
def test_other_data_are_refused(meta, images, draws, said):
    with pytest.raises(ValueError, match=said) as error:
        require_same_counts(meta, 'x.pth', ClassCounts(images, draws), NAMES)
    assert '--cfg-options load_from=x.pth' in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('images', 'said'),
    [
        (dict(cat=5, dog=2), None),
        (dict(cat=5, dog=3), "'dog' had 2 images and now has 3"),
        (dict(cat=5, owl=2), '2 samples of 1 classes .*owl'),
        (dict(cat=7), "'cat' had 5 images and now has 7"),
    ],
)
def test_a_training_is_resumed_on_its_data_only(tmp_path, images, said):
    first = write_folders(tmp_path / 'first', dict(cat=5, dog=2))
    folder_runner(tmp_path / 'w', 2, train=folder_loader(first)).train()
    now = write_folders(tmp_path / 'now', images)

    def runner(**start):
        loaders = dict(epochs=2, train=folder_loader(now))
        checkpoint = str(tmp_path / 'w' / 'epoch_1.pth')
        return folder_runner(
            tmp_path / 'v', 2, load_from=checkpoint, **loaders, **start
        )

    if said is None:
        runner(resume=True).train()
        return
    with pytest.raises(ValueError, match=said) as error:
        runner(resume=True).train()
    assert 'load_from=' in str(error.value)
