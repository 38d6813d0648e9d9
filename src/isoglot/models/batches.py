"""Batches of rows, and token ids padded to a tensor."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

_T = TypeVar("_T")


def split_batches(rows: Iterable[_T], fits: Callable[[list[_T], _T], bool]) -> Iterator[list[_T]]:
    """Split rows into batches of neighbours; `fits(batch, row)` decides if the row still joins."""
    batch: list[_T] = []
    for row in rows:
        if batch and not fits(batch, row):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def pad(
    rows: Sequence[list[int]], fill: int | None = None, *, left: bool = False
) -> tuple["Tensor", "Tensor"]:
    """Return token ids and attention mask, both batch * width.

    By default a row is filled with its own first token: masked, it is never seen, and a repetition
    penalty meets no token that is not in the row.
    """
    import torch

    width = max(len(row) for row in rows)
    ids, mask = [], []
    for row in rows:
        padding = [row[0] if fill is None else fill] * (width - len(row))
        zeros = [0] * len(padding)
        ids.append(padding + row if left else row + padding)
        mask.append(zeros + [1] * len(row) if left else [1] * len(row) + zeros)
    return torch.tensor(ids), torch.tensor(mask)
