"""Training steps in one graph: no break, and the numbers and statistics of eager."""

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmgala.losses import GALALoss
from tests.batches import random_logits, random_target
from tests.graphs import compile_whole
from tests.losses.loss_cases import CASES, NUM_CLASSES

STEPS = 4


def batch(kind, seed, size=40):
    """Logits that a gradient flows to, and labels."""
    target = random_target(kind, size, NUM_CLASSES, seed=seed)
    logits = random_logits(size, NUM_CLASSES, seed=seed + 50).float()
    return logits.requires_grad_(), target.float() if kind == 'soft' else target


def train(loss, call, kind, **arguments):
    """Losses and gradients of some steps of a loss, each with its own draws."""
    results = []
    for seed in range(STEPS):
        logits, target = batch(kind, seed)
        torch.manual_seed(seed)
        value = call(logits, target, **arguments)
        value.backward()
        results.append((value.detach(), logits.grad))
    return results, loss.state_dict()


@pytest.mark.parametrize('weighted', [False, True], ids=['plain', 'weighted'])
@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize(
    'name',
    [n if n == 'gala' else pytest.param(n, marks=pytest.mark.slow) for n in CASES],
)
def test_compiled_steps_equal_eager_ones(name, kind, weighted):
    case = CASES[name]
    if kind == 'soft' and not case.soft:
        pytest.skip('it takes class indices only')
    arguments = dict(weight=torch.linspace(0, 2, 40)) if weighted else {}
    eager = case.build()
    compiled = copy.deepcopy(eager)

    expected, state = train(eager, eager, kind, **arguments)
    actual, found = train(compiled, compile_whole(compiled), kind, **arguments)

    assert_close(actual, expected)
    for key, value in state.items():
        assert torch.equal(found[key], value), key


def test_a_network_and_its_loss_in_one_graph():
    eager = nn.ModuleDict(
        dict(net=nn.Linear(3, NUM_CLASSES), loss=GALALoss(NUM_CLASSES))
    )
    compiled = copy.deepcopy(eager)
    step = compile_whole(lambda x, y: compiled['loss'](compiled['net'](x), y))
    for seed in range(STEPS):
        torch.manual_seed(seed)
        x, y = torch.randn(20, 3), torch.randint(NUM_CLASSES, (20,))
        eager['loss'](eager['net'](x), y).backward()
        step(x, y).backward()
    assert_close(compiled['net'].weight.grad, eager['net'].weight.grad)
    assert_close(compiled['loss'].state_dict(), eager['loss'].state_dict())


def test_eager_calls_check_labels_as_before():
    loss = GALALoss(NUM_CLASSES)
    logits, target = batch('hard', 0)
    compile_whole(loss)(logits, target).backward()
    target[3] = NUM_CLASSES
    with pytest.raises(ValueError, match=f'labels between 0 and 5.*got {NUM_CLASSES}'):
        loss(logits, target)
    with pytest.raises(ValueError, match='weight.*got -1'):
        loss(logits, target % NUM_CLASSES, torch.full((40,), -1.0))


def test_evaluation_adds_nothing():
    loss = GALALoss(NUM_CLASSES).eval()
    logits, target = batch('hard', 0)
    assert_close(compile_whole(loss)(logits, target), loss(logits, target))
    assert not loss.pos_grad.any()


def test_a_compiler_does_not_repeat_the_logarithms_for_each_sample():
    # Inductor stores what `as_strided` reads, and puts other values into its loops.
    graphs = []

    def record(graph, _):
        graphs.append(graph.graph)
        return graph

    torch._dynamo.reset()
    loss = torch.compile(GALALoss(NUM_CLASSES), fullgraph=True, backend=record)
    loss(*batch('hard', 0))
    (nodes,) = (list(graph.nodes) for graph in graphs)
    logarithm = next(node for node in nodes if node.target in ('log_', 'log'))
    assert [user.target for user in logarithm.users] == ['as_strided']
