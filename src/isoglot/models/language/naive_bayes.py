"""Naive Bayes over byte n-grams: the likelihood of words in each language of a script.

The n-grams and their frequencies in 140 languages are those of py3langid's packaged model. They are
adapted to the word frequencies in `langid_words.tsv.gz` (a language that py3langid lacks starts
from the mean of its script), and to `langid_words_by_hand.tsv` for languages without a corpus.
`bench/identify.py` writes the first file; docs/LOG.md has its sources and the accuracy by language.

An n-gram may include the space before or after its word but no more, so the score of a text is a
sum over its words, and each word is scored once per process.
"""

import gzip
import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from isoglot.core.languages import LANGUAGES
from isoglot.models.language.scripts import is_in_script
from isoglot.models.language.spelling import KEYBOARDS, SPELLINGS, one_spelling

WordCounts = dict[str, float]
"""Frequency of each word of a language."""

# Weight of the initial frequencies against the counted words, as a number of n-grams.
_PRIOR_OF_KNOWN = 20_000
_PRIOR_OF_NEW = 3_000
_NEVER = 1e-9  # for an n-gram that occurs in neither
# Log-likelihood per n-gram that counting gives a language on its own texts (.13 to .97, on average
# .36 in Latin and .47 in Devanagari). Languages that were not counted get it as well: else their
# texts look like a counted neighbour's. Chosen by leaving languages out (docs/LOG.md).
_GAIN_OF_COUNTING = 0.5

_WORDS = Path(__file__).with_name("langid_words.tsv.gz")
_WORDS_BY_HAND = Path(__file__).with_name("langid_words_by_hand.tsv")
_COUNT_BY_HAND = 60.0  # of the first word; the next ones follow Zipf's law

_CODES = {"nb": "no", "ki": "kik", "gn": "gug"}
# Languages that py3langid lacks start from a close relative.
_STARTS = {"ckb": "sdh", "mey": "ar", "prs": "fa", "sr-Latn": "sr", "uz-Cyrl": "uz"}
_RELATED = ("ckb", "mey", "prs")
# py3langid has two columns for these languages, one per script; this word tells which is which.
_PROBES = {"sr": "на", "sr-Latn": "na", "uz": "bilan", "uz-Cyrl": "билан"}

_CHUNK = 512  # texts scored at once
_MAX_BYTES_OF_WORD = 60


class ScriptModel:
    """Classifier for the languages of one script, which threads may share; it caches the scores of
    up to `max_words` words.

    `log_probabilities`: n-grams * (languages + 1), each relative to the mean of the languages,
    which is the last column.
    """

    def __init__(
        self, script: str, labels: Sequence[str], log_probabilities: Any, *, max_words: int = 60_000
    ) -> None:
        self.labels = list(labels)
        """BCP-47 tags; py3langid's codes for languages that the table lacks."""
        self._script = script
        self._table = log_probabilities
        self._max_words = max_words
        self._lock = Lock()
        self._clear()

    def scores(self, texts: Sequence[Sequence[str]]) -> tuple[Any, Any]:
        """Return the log-likelihoods relative to the mean of the languages, texts * languages, and
        the number of n-grams of each text."""
        sums, num_ngrams = self._sums(texts)
        return sums[:, :-1], num_ngrams

    def as_typed(self, texts: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        """Return the words of each text in the letters of the keyboard that is likeliest.

        That is the one on which the best language of the script gives an n-gram the highest mean
        likelihood, whichever keyboards the text was typed on. Other scripts stay as they are.
        """
        if self._script != "Arab":
            return texts
        typed = [[[word.translate(each) for word in text] for text in texts] for each in KEYBOARDS]
        likelihoods = []
        for each in typed:
            sums, num_ngrams = self._sums(each)
            best = sums[:, :-1].max(1) + sums[:, -1]
            likelihoods.append(best / np.maximum(num_ngrams, 1))
        likeliest = np.argmax(likelihoods, axis=0).tolist()
        return [typed[keyboard][index] for index, keyboard in enumerate(likeliest)]

    def _sums(self, texts: Sequence[Sequence[str]]) -> tuple[Any, Any]:
        """Sum the rows of the table over the n-grams of each text, which are counted, too."""
        scores = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        num_ngrams = np.zeros((len(texts), 1), dtype=np.float32)
        with self._lock:
            for start in range(0, len(texts), _CHUNK):
                chunk = texts[start : start + _CHUNK]
                self._add(set(chain.from_iterable(chunk)))
                known = self._indices
                flat = np.array([known[word] for words in chunk for word in words], dtype=np.int64)
                lengths = np.array([len(words) for words in chunk])
                scores[start : start + _CHUNK] = _sum_rows(self._scores, flat, lengths)
                num_ngrams[start : start + _CHUNK] = _sum_rows(self._num_ngrams, flat, lengths)
        return scores, num_ngrams[:, 0]

    def _clear(self) -> None:
        self._indices: dict[str, int] = {}
        self._scores = np.zeros((0, self._table.shape[1]), dtype=np.float32)
        self._num_ngrams = np.zeros((0, 1), dtype=np.float32)

    def _add(self, words: set[str]) -> None:
        """Cache the score of each word, after dropping all others if there are too many."""
        new = words - self._indices.keys()
        if len(self._indices) + len(new) > self._max_words and self._indices:
            self._clear()
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
    """Load the classifier of a script for every language of the table and of py3langid."""
    return build_script_model(script, load_word_counts())


def build_script_model(script: str, counted: Mapping[str, WordCounts]) -> ScriptModel:
    """Build the classifier of a script from word counts by BCP-47 tag."""
    library = _load_library()
    columns = {tag: _column_of(tag) for tag, row in LANGUAGES.items() if row.script == script}
    known = [_probabilities(column) for column in columns.values() if column is not None]
    mean = np.mean(known, axis=0) if known else np.exp(library.nb_ptc.astype(np.float32)).mean(1)
    mean /= mean.sum()
    others: list[int] = []
    if script == "Latn":  # nearly all other languages of py3langid are written in it
        codes = {_CODES.get(tag, tag.split("-")[0]) for tag in LANGUAGES}
        others = [index for index, code in enumerate(library.nb_classes) if code not in codes]
    if script == "Latn":
        columns |= {tag: None for tag in counted if tag not in LANGUAGES}
    table = np.empty((len(mean), len(columns) + len(others)), dtype=np.float32)
    for index, (tag, column) in enumerate(columns.items()):
        start = mean if column is None else _probabilities(column)
        prior = _PRIOR_OF_NEW if column is None or tag in _RELATED else _PRIOR_OF_KNOWN
        counts = _count_ngrams(counted.get(tag, {}))
        table[:, index] = np.log((counts + prior * start + _NEVER) / (counts.sum() + prior))
    for index, column in enumerate(others, len(columns)):
        table[:, index] = np.log(_probabilities(column) + _NEVER)
    for index, (tag, column) in enumerate(columns.items()):
        if column is not None and tag not in counted:
            table[:, index] += _GAIN_OF_COUNTING
    mean = table.mean(1, keepdims=True)
    labels = [*columns, *(library.nb_classes[index] for index in others)]
    return ScriptModel(script, labels, np.hstack([table - mean, mean]))


@cache
def load_word_counts() -> dict[str, WordCounts]:
    """Read the word counts of each language that has some, by BCP-47 tag."""
    counted: dict[str, WordCounts] = {}
    for line in gzip.decompress(_WORDS.read_bytes()).decode("utf-8").splitlines():
        tag, _, pairs = line.partition("\t")
        fields = pairs.split(" ")
        counted[tag] = dict(zip(fields[::2], map(float, fields[1::2]), strict=True))
    for line in one_spelling(_WORDS_BY_HAND.read_text(encoding="utf-8")).splitlines():
        tag, _, words = line.partition("\t")
        counts = {w: 3 * _COUNT_BY_HAND / (rank + 3) for rank, w in enumerate(words.split())}
        counted.setdefault(tag, counts)
    return counted


def languages_of_library() -> set[str]:
    """Return the languages of the table that py3langid knows in their script."""
    return {tag for tag in LANGUAGES if _column_of(tag) is not None}


def _count_ngrams(counted: WordCounts) -> Any:
    flat, lengths = _ngrams(list(counted))
    weights = np.repeat(list(counted.values()), lengths)
    return np.bincount(flat, weights, minlength=len(_load_library().nb_ptc)).astype(np.float32)


def _ngrams(words: Sequence[str]) -> tuple[Any, Any]:
    """Return the known n-grams of all words, one word after the other, and their number per word.

    py3langid's automaton takes one step per byte; here it takes that step for all words at once.
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
    """Sum rows of a table: `flat` lists the rows of each sum one after the other."""
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
    """Return py3langid's column of a language, or None if it has none in this script."""
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
    one_of = _in_one_spelling()
    is_read = one_of >= 0
    merged = np.bincount(one_of[is_read], probabilities[is_read], len(probabilities))
    return (merged / merged.sum()).astype(np.float32)


@cache
def _in_one_spelling() -> Any:
    """Return, for each n-gram, the n-gram that its bytes are in the one spelling; -1 for none."""
    strings = _strings()
    index_of = {string: index for index, string in enumerate(strings)}
    encoded = {other.encode(): one.encode() for other, one in SPELLINGS.items()}
    others = re.compile(b"|".join(map(re.escape, encoded)))
    merged = np.arange(len(strings))
    for index, string in enumerate(strings):
        if others.search(string):
            one = others.sub(lambda found: encoded[found[0]], string)
            merged[index] = index_of.get(one, -1)
    return merged


def _strings() -> list[bytes]:
    """Return the bytes of each n-gram: the shortest way to the state in which it ends."""
    steps, bases, found = _automaton()
    way = {0: b""}
    is_new = np.ones(len(bases), dtype=bool)
    states = np.zeros(1, dtype=np.int64)
    while len(states):
        is_new[states] = False
        after = steps[bases[states][:, None] + np.arange(256)].ravel()
        places = np.flatnonzero(is_new[after])
        after, first = np.unique(after[places], return_index=True)
        for state, place in zip(after.tolist(), places[first].tolist(), strict=True):
            way[state] = way[int(states[place // 256])] + bytes([place % 256])
        states = after.astype(np.int64)
    strings = {int(found[state]): string for state, string in reversed(way.items())}
    return [strings[index] for index in range(len(strings) - 1)]


@cache
def _automaton() -> tuple[Any, Any, Any]:
    """Return the next state by row and byte, the row of each state, and the n-gram ending in it."""
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
