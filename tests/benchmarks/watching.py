"""Measures what watching costs a training in PyTorch: processor time of 20 records, over the training's.

    python tests/benchmarks/watching.py [UPDATES] [ROUNDS]

Trainings with and without `watch` take turns; the medians of their processor times are compared. A training
that is too short for 20 records is too short for 5 %: the share of a longer one follows from the time of one
record and of one update, which are printed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import nn

from xavier_cli import watch

RECORDS = 20


def network() -> nn.Module:
    """The convolutional network of PyTorch's MNIST example."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def train(updates: int, path: Path | None) -> float:
    """The processor's seconds of one training of batches of 64."""
    torch.manual_seed(0)
    x, y = torch.randn(1000, 1, 28, 28), torch.randint(0, 10, (1000,))
    model, loss_of = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adadelta(model.parameters())
    began = time.process_time()
    watched = watch(model, path, examples=(x, y), loss=loss_of, updates=updates) if path else nullcontext()
    with watched as run:
        for update in range(1, updates + 1):
            batch = torch.randint(0, len(x), (64,))
            loss = loss_of(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if run is not None:
                run.record(update, train_loss=loss)
    return time.process_time() - began


def main(updates: int = 200, rounds: int = 3) -> None:
    """Print the medians, and from how many updates on 20 records take 5 %."""
    with tempfile.TemporaryDirectory() as folder:
        train(5, Path(folder, "first.h5"))
        plain, watched = [], []
        for number in range(rounds):
            plain.append(train(updates, None))
            watched.append(train(updates, Path(folder, f"{number}.h5")))
    without, with_ = statistics.median(plain), statistics.median(watched)
    update, record = without / updates, (with_ - without) / (RECORDS + 1)
    print(f"{updates} updates: {without:.2f} s, watched {with_:.2f} s (processor; medians of {rounds})")
    print(f"one record: {record:.3f} s, {record / update:.1f} updates of 64 examples")
    print(f"{RECORDS} records take 5 % of {round(RECORDS * record / update / 0.05):,} updates, less of more")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
