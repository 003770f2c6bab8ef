"""torchvision's AutoAugment with a policy that a config can name."""

from PIL import Image
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from mmgala.registry import TRANSFORMS

POLICIES = tuple(policy.value for policy in AutoAugmentPolicy)


@TRANSFORMS.register_module()
class TorchvisionAutoAugment:
    """torchvision's AutoAugment with the name of its policy.

    MMPretrain registers torchvision's transforms as ``torchvision/X``, but
    ``AutoAugment`` takes its policy as a Python enumeration, which a config cannot
    contain. MMPretrain's own AutoAugment has no policy for CIFAR.

    Args:
        policy: ``'cifar10'`` (commonly used for CIFAR-100, too), ``'imagenet'`` or
            ``'svhn'``.

    Raises:
        ValueError: if the policy is unknown.
    """

    def __init__(self, policy: str = 'cifar10') -> None:
        if policy not in POLICIES:
            raise ValueError(
                f'Expected `policy` to be one of {POLICIES}, but got {policy!r}.'
            )
        self.augment = AutoAugment(AutoAugmentPolicy(policy))

    def __call__(self, results: dict) -> dict:
        """Augment ``results['img']``, a PIL image.

        Raises:
            TypeError: if it is not a PIL image.
        """
        if not isinstance(results['img'], Image.Image):
            raise TypeError(
                'Expected a PIL image, but got '
                f'{type(results["img"]).__name__}: put NumpyToPIL before this step.'
            )
        results['img'] = self.augment(results['img'])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(policy={self.augment.policy.value!r})'
