"""Text: topics of short support tickets, from hundreds of each to a handful.

    python examples/text_topics.py

Generated tickets of 12 topics, a bag of word embeddings; PyTorch alone. It prints:

                                           top-1    many  medium     few
    cross-entropy                           40.1    74.0    24.5     4.3
    cross-entropy + logit adjustment        48.0    64.4    44.2    25.7
    GALA                                    45.7    69.0    36.0    19.7

GALA is better than cross-entropy. Logit adjustment after training, which needs the
class counts, is better still.
"""

import torch
from torch import nn

from mmgala import GALALoss, LogitAdjuster, class_counts_of
from mmgala.functional import long_tailed_counts, long_tailed_metrics

TOPICS = [
    'login reset forgot locked account', 'bill charge paid refund tax',
    'parcel late courier address track', 'error freeze restart screen bug',
    'install cable start manual screen', 'contract end account refund month',
    'broken parcel scratch return glass', 'data delete account consent mail',
    'charge hot restart empty power', 'broken repair month return paid',
    'hot smoke serial return power', 'stolen charge unknown account mail',
]  # fmt: skip
WORDS = sorted({word for topic in TOPICS for word in topic.split()})
OF_TOPIC = torch.tensor([[WORDS.index(word) for word in t.split()] for t in TOPICS])


def make_tickets(counts: list[int], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Word indices ``(N, 8)``, two of the topic and six of any, and topics."""
    torch.manual_seed(seed)
    labels = torch.arange(len(TOPICS)).repeat_interleave(torch.tensor(counts))
    own = OF_TOPIC[labels[:, None], torch.randint(5, (len(labels), 2))]
    return torch.cat([own, torch.randint(len(WORDS), (len(labels), 6))], dim=1), labels


def train(loss: nn.Module, tickets: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Train a bag of embeddings."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.EmbeddingBag(len(WORDS), 32), nn.Linear(32, len(TOPICS)))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(15):
        for batch in torch.randperm(len(tickets)).split(32):
            optimizer.zero_grad()
            loss(model(tickets[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval()


def main() -> None:
    """Train with both losses, and print the accuracy of the shot groups."""
    tickets, labels = make_tickets(long_tailed_counts(12, 600, 100), seed=1)
    test_tickets, test_labels = make_tickets([100] * 12, seed=2)
    counts = class_counts_of(labels, 12)
    print(f'{"":36}{"top-1":>8}{"many":>8}{"medium":>8}{"few":>8}')
    losses = {'cross-entropy': nn.CrossEntropyLoss(), 'GALA': GALALoss(12)}
    for name, loss in losses.items():
        model = train(loss, tickets, labels)
        with torch.no_grad():
            rows = {name: model(test_tickets).softmax(dim=1)}
        if name == 'cross-entropy':
            adjuster = LogitAdjuster(1.0, counts)
            rows['cross-entropy + logit adjustment'] = adjuster.transform(rows[name])
        for title, scores in rows.items():
            of = long_tailed_metrics(scores, test_labels, counts)
            groups = (of[key] for key in ('top1', 'many', 'medium', 'few'))
            print(f'{title:36}' + ''.join(f'{value:8.1f}' for value in groups))


if __name__ == '__main__':
    main()
