"""Names that the command line offers, known without importing PyTorch."""

from typing import NamedTuple


class StepText(NamedTuple):
    """How the command line describes a kind of post-hoc step.

    Attributes:
        title: name in tables and messages.
        purpose: what the step does, for the help text of a command.
    """

    title: str
    purpose: str


# By the fields of mmgala.functional.PostHocSteps, in the order of application.
STEP_TEXTS = {
    'logit_adjustment': StepText(
        'logit adjustment',
        'divide the scores by this power of the training counts; in theory 1',
    ),
    'rebalancing': StepText(
        're-balancing', 'divide the scores by this power of the class mass'
    ),
    'temperature': StepText(
        'temperature',
        'divide the logits by this; above 1, scores become less confident',
    ),
}
