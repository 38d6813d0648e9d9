"""Pre-training from scratch: batches of like length, Muon and AdamW, a decaying learning rate.

In plain torch: a trainer of TRL starts from an existing model.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

_BATCH_TOKENS, _WARMUP_STEPS = 3000, 100

Encoded = tuple[list[int], list[int]]
"""Token ids of the input, and of the output to train on."""

Loss = Callable[[Any, list[Encoded]], Any]
"""The loss of a model on a batch."""


def pretrain(
    model: Any, batches: Iterator[list[Encoded]], loss_of: Loss, num_steps: int, rate: float
) -> Iterator[float]:
    """Train in place, and yield the loss after each step.

    Muon trains the matrices (Jordan et al. 2024), AdamW embeddings and norms; the rate decays to 0.
    """
    import torch

    from isoglot.lab.muon import Muon

    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers: list[Any] = [
        Muon(matrices, lr=rate),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    model.train()
    for step, batch in enumerate(islice(batches, num_steps)):
        now = rate * min(1.0, (step + 1) / _WARMUP_STEPS) * (1 - step / num_steps)
        loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = now
            optimizer.step()
            optimizer.zero_grad()
        yield loss.item()
    model.eval()


def batches(examples: Iterable[Encoded], seed: int) -> Iterator[list[Encoded]]:
    """Yield batches of about `_BATCH_TOKENS`, of examples of like length, with little padding."""
    rng = random.Random(f"batches-{seed}")
    endless = iter(examples)
    while True:
        window = sorted(islice(endless, 3000), key=lambda e: len(e[0]) + len(e[1]))
        packed, batch = [], []
        for source, target in window:
            batch.append((source, target))
            if len(batch) * (len(source) + len(target)) >= _BATCH_TOKENS:
                packed.append(batch)
                batch = []
        rng.shuffle(packed)
        yield from packed


def padded(rows: list[list[int]], fill: int) -> Any:
    """Return the rows as one tensor (B, T), padded on the right."""
    import torch

    width = max(map(len, rows))
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows])
