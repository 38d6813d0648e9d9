"""Near-duplicates: MinHash finds the pairs to compare, their exact similarity decides.

MinHash (Broder 1997) gives each text a short signature whose parts agree as often as the sets of
n-grams overlap; banding (Leskovec et al., Mining of Massive Datasets, section 3.4) compares only
pairs that agree in one band. The sets are hashed and compared in numpy: datasketch would keep every
signature as a Python object, and depends on scipy.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from isoglot.core.ngrams import Grams, gram_chars, jaccard, ngrams

_NUM_HASHES = 128
_MIN_FOUND = 0.99
"""Smallest probability with which a pair at the threshold is compared; above it, it is higher."""
_CHUNK = 4096


class ComparedRow(NamedTuple):
    """A row as it is compared."""

    id: str
    """16 hexadecimal digits; no two rows have the same."""
    group: str
    """Only rows of one group are compared: a language, or a pair `sw de` of languages."""
    text: str


class Twin(NamedTuple):
    """The kept row that a dropped one nearly equals."""

    id: str
    similarity: float


def group_chars(group: str) -> int:
    """Return the characters in an n-gram of a group: those of its densest script."""
    return min(map(gram_chars, group.split()))


class Signatures:
    """Signatures of all rows of all shards, in any order: 8 bytes per row and band, and 8 more."""

    def __init__(self, max_similarity: float) -> None:
        self.max_similarity = max_similarity
        self.num_rows_in_band = _rows_in_band(max_similarity)
        self.num_bands = _NUM_HASHES // self.num_rows_in_band
        draw = np.random.default_rng(0)
        num = self.num_bands * self.num_rows_in_band
        numbers = draw.integers(0, 2**64, (2, num), dtype=np.uint64)
        self._multiply, self._add = numbers[0] | np.uint64(1), numbers[1]
        self._mix = draw.integers(0, 2**64, num, dtype=np.uint64) | np.uint64(1)
        self._ids: list[NDArray[np.uint64]] = []
        self._bands: list[NDArray[np.uint64]] = []

    def add(self, rows: Iterable[ComparedRow]) -> None:
        """Add the rows of a shard."""
        rows = list(rows)
        if rows:
            self._ids.append(np.array([int(row.id, 16) for row in rows], np.uint64))
            self._bands.append(np.array([self.bands(row) for row in rows]))

    def bands(self, row: ComparedRow) -> NDArray[np.uint64]:
        """Return a hash of each band of the row's signature, and of its group."""
        grams = ngrams(row.text, group_chars(row.group)).astype(np.uint64)
        lowest = np.full(len(self._multiply), 2**32 - 1, np.uint64)
        for start in range(0, len(grams), _CHUNK):  # a book would need a gigabyte at once
            hashed = grams[start : start + _CHUNK, None] * self._multiply + self._add
            lowest = np.minimum(lowest, (hashed >> np.uint64(32)).min(axis=0))
        seed = np.uint64(crc32(row.group.encode()))
        mixed = (lowest + np.uint64(1)) * self._mix
        mixed ^= mixed >> np.uint64(31)
        per_band = mixed.reshape(self.num_bands, self.num_rows_in_band).sum(axis=1)
        return (per_band ^ seed) * np.uint64(0x9E3779B97F4A7C15)

    def suspects(self) -> dict[str, NDArray[np.uint64]]:
        """Return the bands, by id, of the rows that agree with another one in a band."""
        if not self._ids:
            return {}
        ids, bands = np.concatenate(self._ids), np.concatenate(self._bands)
        is_suspect = np.zeros(len(ids), bool)
        for band in bands.T:
            order = np.argsort(band, kind="stable")
            same = band[order][1:] == band[order][:-1]
            is_suspect[order[1:][same]] = is_suspect[order[:-1][same]] = True
        found = np.flatnonzero(is_suspect)
        return {f"{int(ids[index]):016x}": bands[index] for index in found}


def near_duplicates(
    suspects: Mapping[str, NDArray[np.uint64]], rows: Iterable[ComparedRow], max_similarity: float
) -> dict[str, Twin]:
    """Return, by the id of each row to drop, the kept row with at least `max_similarity` to it.

    In the order of ids a row is kept unless its Jaccard similarity to a kept one is that high: each
    dropped row has a kept twin, and no two kept rows that were compared are twins. `rows` may be
    all there are; only of the suspects are the n-grams held, 4 bytes each.
    """
    grams_of: dict[str, tuple[str, Grams]] = {
        row.id: (row.group, ngrams(row.text, group_chars(row.group)))
        for row in rows
        if row.id in suspects
    }
    kept_in: dict[tuple[int, int], list[str]] = defaultdict(list)
    dropped: dict[str, Twin] = {}
    for id in sorted(grams_of):
        group, grams = grams_of[id]
        buckets = [(index, int(band)) for index, band in enumerate(suspects[id])]
        seen = sorted({other for bucket in buckets for other in kept_in.get(bucket, ())})
        twin = _twin(group, grams, [(other, *grams_of[other]) for other in seen], max_similarity)
        if twin:
            dropped[id] = twin
        else:
            for bucket in buckets:
                kept_in[bucket].append(id)
    return dropped


def _twin(
    group: str, grams: Grams, others: Iterable[tuple[str, str, Grams]], max_similarity: float
) -> Twin | None:
    """Return the most similar of the others, the first of equal ones; None if none is a twin."""
    best: Twin | None = None
    for id, its_group, its_grams in others:
        short, long = sorted((len(grams), len(its_grams)))
        if its_group != group or short < max_similarity * long:
            continue
        similarity = jaccard(grams, its_grams)
        if similarity >= max_similarity and (best is None or similarity > best.similarity):
            best = Twin(id, similarity)
    return best


def _rows_in_band(max_similarity: float) -> int:
    """Return the widest band with which a pair at the threshold is compared `_MIN_FOUND` often."""
    sizes = range(1, _NUM_HASHES + 1)
    found = [1 - (1 - max_similarity**size) ** (_NUM_HASHES // size) for size in sizes]
    return max(
        [size for size, share in zip(sizes, found, strict=True) if share >= _MIN_FOUND] or [1]
    )
