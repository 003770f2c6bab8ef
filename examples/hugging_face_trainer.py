"""Hugging Face's Trainer: GALA as the loss of a small BERT, saved with the model.

    python examples/hugging_face_trainer.py    (pip install transformers accelerate)

Sequences of tokens, eight classes with 400 to 16 samples. It prints:

                       top-1    many  medium     few
    cross-entropy       74.9    99.7    75.0     0.0
    GALA                66.6   100.0    49.2    36.0

GALA finds the rarest classes, which cross-entropy never predicts, but loses more
elsewhere after so few epochs: look at the groups, not at one number.
"""

import tempfile

import torch
import transformers
from torch import nn

from mmgala import GALALoss, class_counts_of, long_tailed_counts, long_tailed_metrics

NUM_CLASSES = 8
SMALL = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1)
SMALL |= dict(vocab_size=40, num_attention_heads=2)
TRAINING = dict(num_train_epochs=8, learning_rate=3e-3, per_device_train_batch_size=32)
QUIET = dict(logging_strategy='no', report_to=[], disable_tqdm=True, use_cpu=True)


def make_sequences(counts: list[int], seed: int) -> list[dict[str, torch.Tensor]]:
    """Ten tokens each, of which six come from the five tokens of the class."""
    torch.manual_seed(seed)
    labels = torch.arange(NUM_CLASSES).repeat_interleave(torch.tensor(counts))
    tokens = torch.randint(40, (len(labels), 10))
    tokens[:, 2:8] = 4 * labels[:, None] + torch.randint(5, (len(labels), 6))
    return [dict(input_ids=t, labels=k) for t, k in zip(tokens, labels, strict=True)]


class LossTrainer(transformers.Trainer):
    """Trainer with the loss that is a submodule of its model."""

    def compute_loss(self, model, inputs, return_outputs=False, **_):
        labels = inputs.pop('labels')
        outputs = model(**inputs)
        loss = self.model.own_loss(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss


def main() -> None:
    """Train with both losses, and print the accuracy of the shot groups."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    train_set = make_sequences(long_tailed_counts(NUM_CLASSES, 400, 25), seed=1)
    test_set = make_sequences([100] * NUM_CLASSES, seed=2)
    counts = class_counts_of(train_set, NUM_CLASSES)
    config = transformers.BertConfig(num_labels=NUM_CLASSES, **SMALL)
    print(f'{"":16}{"top-1":>8}{"many":>8}{"medium":>8}{"few":>8}')
    losses = {'cross-entropy': nn.CrossEntropyLoss(), 'GALA': GALALoss(NUM_CLASSES)}
    for name, loss in losses.items():
        transformers.set_seed(0)
        model = transformers.BertForSequenceClassification(config)
        model.own_loss = loss
        with tempfile.TemporaryDirectory() as folder:
            arguments = transformers.TrainingArguments(folder, **TRAINING, **QUIET)
            trainer = LossTrainer(model, arguments, train_dataset=train_set)
            trainer.remove_callback(transformers.PrinterCallback)
            trainer.train()
            logits = torch.tensor(trainer.predict(test_set).predictions)
        target = torch.stack([sample['labels'] for sample in test_set])
        of = long_tailed_metrics(logits.softmax(dim=1), target, counts)
        groups = (of[key] for key in ('top1', 'many', 'medium', 'few'))
        print(f'{name:16}' + ''.join(f'{value:8.1f}' for value in groups))


if __name__ == '__main__':
    main()
