"""How likely the words of a text are in each language of a script: a naive Bayes over byte n-grams.

The n-grams and their frequencies in 140 languages are py3langid's, whose model lies in its package.
They are adapted to the word frequencies in `langid_words.tsv.gz` (a language that py3langid lacks
starts from the mean of its script), and to `langid_words_by_hand.tsv` for languages of which no
text was at hand. `bench/langid.py --count-words` writes the first file; docs/LOG.md says from what,
and how well each language is told apart.

An n-gram may reach over the space before or after its word but not further, so the score of a text
is a sum over its words, and a word is scored once for all texts of a process.
"""

import gzip
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from isoglot.core.languages import LANGUAGES
from isoglot.models.language.scripts import is_in_script

Counts = dict[str, float]
"""How often each word of a language was counted."""

# How many n-grams of text the start of a language is worth beside its counted words.
_START_OF_KNOWN = 20_000
_START_OF_NEW = 3_000
_NEVER = 1e-9  # of an n-gram that neither the start nor the words have

_WORDS = Path(__file__).with_name("langid_words.tsv.gz")
_WORDS_BY_HAND = Path(__file__).with_name("langid_words_by_hand.tsv")
_COUNT_BY_HAND = 60.0  # of the first word; the next ones fall as Zipf's law says

_CODES = {"nb": "no", "ki": "kik", "gn": "gug"}
# Start from a language nearby: py3langid has no column for these, but for a sister.
_STARTS = {"ckb": "sdh", "mey": "ar", "prs": "fa", "sr-Latn": "sr", "uz-Cyrl": "uz"}
_SISTERS = ("ckb", "mey", "prs")
# py3langid has two columns of these, one for each script.
_PROBES = {"sr": "на", "sr-Latn": "na", "uz": "bilan", "uz-Cyrl": "билан"}

_CHUNK = 512  # texts that are scored at once
_MAX_BYTES_OF_WORD = 60  # what is longer is hardly a word


class ScriptModel:
    """The languages of one script, and how likely words are in each of them.

    Instances remember up to `max_words` words that they saw, and may be shared by threads.
    """

    def __init__(
        self,
        script: str,
        labels: Sequence[str],
        log_probabilities: Any,
        *,
        max_words: int = 60_000,
    ) -> None:
        self.labels = list(labels)
        """BCP-47 tags, and py3langid's codes for languages that the table lacks."""
        self._script = script
        self._table = log_probabilities
        self._max_words = max_words
        self._lock = Lock()
        self._forget()

    def scores(self, texts: Sequence[Sequence[str]]) -> tuple[Any, Any]:
        """The log-likelihood of each text's words in each language, and the number of n-grams.

        Likelihoods are relative to the mean of the languages, n-gram by n-gram.
        """
        scores = np.zeros((len(texts), len(self.labels)), dtype=np.float32)
        num_ngrams = np.zeros((len(texts), 1), dtype=np.float32)
        with self._lock:
            for start in range(0, len(texts), _CHUNK):
                some = texts[start : start + _CHUNK]
                self._learn(set(chain.from_iterable(some)))
                known = self._indices
                flat = np.array([known[word] for words in some for word in words], dtype=np.int64)
                lengths = np.array([len(words) for words in some])
                scores[start : start + _CHUNK] = _sum_rows(self._scores, flat, lengths)
                num_ngrams[start : start + _CHUNK] = _sum_rows(self._num_ngrams, flat, lengths)
        return scores, num_ngrams[:, 0]

    def _forget(self) -> None:
        self._indices: dict[str, int] = {}
        self._scores = np.zeros((0, len(self.labels)), dtype=np.float32)
        self._num_ngrams = np.zeros((0, 1), dtype=np.float32)

    def _learn(self, words: set[str]) -> None:
        """Keep the score of each word; forget the others when there are too many."""
        new = words - self._indices.keys()
        if len(self._indices) + len(new) > self._max_words and self._indices:
            self._forget()
            new = words
        if not new:
            return
        start, stop = len(self._indices), len(self._indices) + len(new)
        if stop > len(self._scores):
            more = max(len(self._scores), stop - len(self._scores), 4096)
            self._scores = np.pad(self._scores, ((0, more), (0, 0)))
            self._num_ngrams = np.pad(self._num_ngrams, ((0, more), (0, 0)))
        flat, lengths = _ngrams([w if is_in_script(w, self._script) else "" for w in new])
        self._scores[start:stop] = _sum_rows(self._table, flat, lengths)
        self._num_ngrams[start:stop, 0] = lengths
        self._indices.update(zip(new, range(start, stop), strict=True))


@cache
def load_script_model(script: str) -> ScriptModel:
    """The model of a script, with every language of the table or of py3langid in it."""
    library, counted = _load_library(), load_word_counts()
    columns = {tag: _column_of(tag) for tag, row in LANGUAGES.items() if row.script == script}
    known = [_probabilities(column) for column in columns.values() if column is not None]
    mean = np.mean(known, axis=0) if known else np.exp(library.nb_ptc.astype(np.float32)).mean(1)
    mean /= mean.sum()
    others: list[int] = []
    if script == "Latn":  # the others of py3langid are nearly all written in it
        codes = {_CODES.get(tag, tag.split("-")[0]) for tag in LANGUAGES}
        others = [index for index, code in enumerate(library.nb_classes) if code not in codes]
    table = np.empty((len(mean), len(columns) + len(others)), dtype=np.float32)
    for index, (tag, column) in enumerate(columns.items()):
        start = mean if column is None else _probabilities(column)
        worth = _START_OF_NEW if column is None or tag in _SISTERS else _START_OF_KNOWN
        counts = _count_ngrams(counted.get(tag, {}))
        table[:, index] = np.log((counts + worth * start + _NEVER) / (counts.sum() + worth))
    table[:, len(columns) :] = library.nb_ptc[:, others]
    table -= table.mean(1, keepdims=True)
    labels = [*columns, *(library.nb_classes[index] for index in others)]
    return ScriptModel(script, labels, table)


@cache
def load_word_counts() -> dict[str, Counts]:
    """The counted words of each language that has some."""
    counted: dict[str, Counts] = {}
    for line in gzip.decompress(_WORDS.read_bytes()).decode("utf-8").splitlines():
        tag, _, pairs = line.partition("\t")
        fields = pairs.split(" ")
        counted[tag] = dict(zip(fields[::2], map(float, fields[1::2]), strict=True))
    for line in _WORDS_BY_HAND.read_text(encoding="utf-8").splitlines():
        tag, _, words = line.partition("\t")
        counts = {w: 3 * _COUNT_BY_HAND / (rank + 3) for rank, w in enumerate(words.split())}
        counted.setdefault(tag, counts)
    return counted


def _count_ngrams(counted: Counts) -> Any:
    flat, lengths = _ngrams(list(counted))
    weights = np.repeat(list(counted.values()), lengths)
    return np.bincount(flat, weights, minlength=len(_load_library().nb_ptc)).astype(np.float32)


def _ngrams(words: Sequence[str]) -> tuple[Any, Any]:
    """The n-grams of each word that py3langid knows, one word after the other, and their numbers.

    Its automaton takes one step for each byte; here it takes the step of all words at once.
    """
    steps, bases, found = _automaton()
    encoded = [
        f" {word} ".encode("utf-8", "surrogatepass")[:_MAX_BYTES_OF_WORD] if word else b""
        for word in words
    ]
    width = max(map(len, encoded), default=0)
    padded = b"".join(each.ljust(width, b"\0") for each in encoded)
    letters = np.frombuffer(padded, dtype=np.uint8).reshape(len(encoded), width)
    ngrams = np.full(letters.shape, -1, dtype=np.int64)
    lengths = np.array([len(each) for each in encoded], dtype=np.int64)
    order = np.argsort(-lengths)
    state = np.zeros(len(encoded), dtype=np.int64)
    for step in range(width):
        active = order[: np.count_nonzero(lengths > step)]
        state[active] = steps[bases[state[active]] + letters[active, step]]
        ngrams[active, step] = found[state[active]]
    return ngrams[ngrams >= 0], (ngrams >= 0).sum(1)


def _sum_rows(table: Any, flat: Any, lengths: Any) -> Any:
    """The sums of the rows of a table; `flat` names the rows of each sum one after the other."""
    sums = np.zeros((len(lengths), table.shape[1]), dtype=np.float32)
    order = np.argsort(-lengths, kind="stable")
    starts = (np.cumsum(lengths) - lengths)[order]
    for step in range(int(lengths.max(initial=0))):
        num_active = np.count_nonzero(lengths > step)
        sums[:num_active] += table[flat[starts[:num_active] + step]]
    unsorted = np.empty_like(sums)
    unsorted[order] = sums
    return unsorted


def _column_of(tag: str) -> int | None:
    """py3langid's column of a language, None where it has none in this script."""
    library = _load_library()
    start = _STARTS.get(tag, tag)
    if "-" in start and not start.startswith("zh"):
        return None
    code = _CODES.get(start, start.split("-")[0])
    columns = [index for index, label in enumerate(library.nb_classes) if label == code]
    if tag in _PROBES and columns:
        probe = library.nb_ptc[_ngrams([_PROBES[tag]])[0]].astype(np.float32).sum(0)
        return max(columns, key=lambda index: float(probe[index]))
    return columns[0] if columns else None


def _probabilities(column: int) -> Any:
    probabilities = np.exp(_load_library().nb_ptc[:, column].astype(np.float32))
    return probabilities / probabilities.sum()


@cache
def _automaton() -> tuple[Any, Any, Any]:
    """The next state by row and byte, the row of each state, and the n-gram that ends in it."""
    library = _load_library()
    return (
        np.asarray(library.tk_nextmove),
        np.asarray(library.tk_row, dtype=np.int64) << 8,
        np.asarray(library.tk_output, dtype=np.int64),
    )


@cache
def _load_library() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
