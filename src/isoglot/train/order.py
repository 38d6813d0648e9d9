"""Orders of the examples in an epoch.

Each order is a function of seed and epoch alone, so that a resumed epoch goes on in the same one.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

_WINDOW_BATCHES = 50


class _Order:
    """The interface of a sampler for the trainer."""

    def __init__(self, num_examples: int, seed: int) -> None:
        self._num_examples = num_examples
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before an epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._num_examples

    def __iter__(self) -> Iterator[int]:
        raise NotImplementedError

    @property
    def _random(self) -> random.Random:
        return random.Random(f"{self._seed}:{self._epoch}")


class LengthGrouped(_Order):
    """Batches of like length, which need little padding, in a random order.

    The batch with the longest example comes first, to run out of memory at once or never.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        super().__init__(len(lengths), seed)
        self._lengths = lengths
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[int]:
        rng = self._random
        order = rng.sample(range(len(self)), len(self))
        window = self._batch_size * _WINDOW_BATCHES
        for start in range(0, len(order), window):
            end = start + window
            order[start:end] = sorted(order[start:end], key=self._lengths.__getitem__)
        whole = len(order) - len(order) % self._batch_size
        batches = [order[i : i + self._batch_size] for i in range(0, whole, self._batch_size)]
        rng.shuffle(batches)
        longest = max(self._lengths, default=0)
        batches.sort(key=lambda batch: max(self._lengths[i] for i in batch) != longest)
        return iter([i for batch in batches for i in batch] + order[whole:])


class LanguageBalanced(_Order):
    """An order in which every batch has its share of each language, rounded up or down.

    After n examples each language has had its share of n, rounded up or down, so this holds for
    batches of any size; with as many examples in each language, two languages differ by at most one
    in any batch. (The order is that of earliest deadlines: Tijdeman, The chairman assignment
    problem, Discrete Mathematics 32, 1980.) The examples of a language come in a random order.
    """

    def __init__(self, languages: Sequence[str], seed: int) -> None:
        super().__init__(len(languages), seed)
        self._examples: dict[str, list[int]] = defaultdict(list)
        for place, language in enumerate(languages):
            self._examples[language].append(place)

    def __iter__(self) -> Iterator[int]:
        rng = self._random
        names = rng.sample(sorted(self._examples), len(self._examples))
        queues = [rng.sample(self._examples[name], len(self._examples[name])) for name in names]
        return (queues[place].pop() for place in self._turns([len(queue) for queue in queues]))

    def _turns(self, sizes: Sequence[int]) -> Iterator[int]:
        """Yield the queue of each turn.

        Example k of a queue may come once its share is k - 1, and must before it is k + 1; of those
        that may come, the one that must come first does.
        """
        total = len(self)
        waiting = [(0, place, 0) for place in range(len(sizes))]
        due: list[tuple[int, int, int]] = []
        for turn in range(total):
            while waiting and waiting[0][0] <= turn:
                _, place, num_seen = heapq.heappop(waiting)
                deadline = -(-(num_seen + 1) * total // sizes[place])
                heapq.heappush(due, (deadline, place, num_seen))
            _, place, num_seen = heapq.heappop(due)
            yield place
            if num_seen + 1 < sizes[place]:
                release = (num_seen + 1) * total // sizes[place]
                heapq.heappush(waiting, (release, place, num_seen + 1))


class Repeated(_Order):
    """An order of prompts for online training: a group of completions for each, several times.

    Each prompt is repeated `num_generations` times; each batch of `batch_size` prompts comes
    `num_uses` times in a row, and a last batch that is not full is left out.
    """

    def __init__(self, order: _Order, batch_size: int, num_generations: int, num_uses: int) -> None:
        self._order = order
        self._batch_size = batch_size
        self._num_generations = num_generations
        self._num_uses = num_uses

    def set_epoch(self, epoch: int) -> None:
        self._order.set_epoch(epoch)

    def __len__(self) -> int:
        num_batches = len(self._order) // self._batch_size
        return num_batches * self._batch_size * self._num_generations * self._num_uses

    def __iter__(self) -> Iterator[int]:
        prompts = list(self._order)
        whole = len(prompts) - len(prompts) % self._batch_size
        for start in range(0, whole, self._batch_size):
            for _ in range(self._num_uses):
                for prompt in prompts[start : start + self._batch_size]:
                    yield from [prompt] * self._num_generations
