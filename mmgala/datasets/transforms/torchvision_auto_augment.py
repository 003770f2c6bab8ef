"""Augmentations of torchvision's that a text config cannot name."""

from PIL import Image
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from mmgala.registry import TRANSFORMS

POLICIES = tuple(policy.value for policy in AutoAugmentPolicy)


@TRANSFORMS.register_module()
class TorchvisionAutoAugment:
    """torchvision's AutoAugment, with its policy by name.

    MMPretrain registers torchvision's transforms as ``torchvision/X``, but this one
    wants its policy as a Python enumeration, which a config cannot hold, and
    MMPretrain's own AutoAugment has no policy for CIFAR.

    Args:
        policy: ``'cifar10'`` (also for CIFAR-100, as usual), ``'imagenet'`` or
            ``'svhn'``.

    Raises:
        ValueError: on an unknown policy.
    """

    def __init__(self, policy: str = 'cifar10') -> None:
        if policy not in POLICIES:
            raise ValueError(
                f'Expected `policy` to be one of {POLICIES}, but got {policy!r}.'
            )
        self.augment = AutoAugment(AutoAugmentPolicy(policy))

    def __call__(self, results: dict) -> dict:
        """Augment ``results['img']``, a PIL image."""
        if not isinstance(results['img'], Image.Image):
            raise TypeError(
                'Expected a PIL image, but got '
                f'{type(results["img"]).__name__}: put NumpyToPIL before this step.'
            )
        results['img'] = self.augment(results['img'])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(policy={self.augment.policy.value!r})'
