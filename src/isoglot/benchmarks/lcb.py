"""Language Confusion Benchmark: whether a model answers in the language (Marchisio et al. 2024).

arXiv:2406.20052. Prompts from several sources: monolingual ones in the language, cross-lingual ones
in English that request an answer in it. Two pass rates over completions: every line is in the
language; and of those, no line has an English word (only where the script is not Latin).
"""

import re
import string
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit
from isoglot.benchmarks.conversations import build_example
from isoglot.benchmarks.rows import cell, text_cell
from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Prompt
from isoglot.core.rows import Row, read_lines
from isoglot.evals.metric import Metric, mean_of

_MIN_LINE_TOKENS = 5
_MIN_WORD_CHARS = 4
_TASKS = ("monolingual", "crosslingual")
_NEXT = "\nQ:"  # begins a question that a base model invents
_UNSPACED = ("Hans", "Hant", "Jpan")
_CLEANING = str.maketrans({**dict.fromkeys(string.punctuation + "،", ""), "—": " "})
_LATIN_WORD = re.compile(r"[A-Za-z]+")


def _examples(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
    places: dict[str, int] = {}
    examples = []
    for row in rows("test"):
        task, source = _origin(row)
        origin = f"{task}-{source}"
        place = places[origin] = places.get(origin, -1) + 1
        # Cross-lingual prompts are the same in every language, the others are not.
        scope = origin if task == "crosslingual" else f"{tag}-{origin}"
        examples.append(
            build_example(
                text_cell(row, "prompt"),
                language=tag,
                family=f"lcb-{scope}-{row.get('i', place)}",
                source=f"lcb/{task}/{source}",
            )
        )
    return examples


def _origin(row: Row) -> tuple[str, str]:
    """Return task and source of a row; in the published files both are folders."""
    if "file" in row:
        task, source = Path(row["file"]).parts[-3:-1]
    else:
        task, source = str(cell(row, "task")), str(cell(row, "source"))
    if task not in _TASKS:
        raise InputError(
            f"lcb: expected the task to be {' or '.join(_TASKS)}, came {task!r}; give the folder "
            "test_sets of the repository"
        )
    return task, source


def lcb_metrics(
    identifier: LanguageIdentifier, english_words: Collection[str] = ()
) -> tuple[Metric, ...]:
    """Build line pass rate, mean share of right lines, unmixed rate and, given a word list, word
    pass rate.

    The unmixed rate is isoglot's own: of the completions whose lines all pass, those without a word
    of another language, in any script (`models/language/mixed.py`). The published word pass rate
    looks for English words where the script is not Latin.

    A completion without a line of 5 words has no value. Nor has one with an unidentified line and
    no wrong one, which as published would be wrong. Chinese and Japanese are not segmented: two
    characters count as a word.
    """

    @lru_cache(maxsize=65536)
    def passes(text: str, tag: str) -> tuple[bool | None, ...]:
        lines = long_lines(text, tag)
        wanted = tag.split("-")[0]
        found = identifier.identify(lines) if lines else []
        return tuple(None if known is None else known.split("-")[0] == wanted for known in found)

    def share(prompt: Prompt, text: str) -> float | None:
        known = [passed for passed in passes(text, prompt.answer_language) if passed is not None]
        return sum(known) / len(known) if known else None

    def every_line(prompt: Prompt, text: str) -> float | None:
        lines = passes(text, prompt.answer_language)
        if False in lines:
            return 0.0
        return None if None in lines or not lines else 1.0

    known_words = frozenset(
        word for word in english_words if word.islower() and len(word) >= _MIN_WORD_CHARS
    )

    def no_english_word(prompt: Prompt, text: str) -> float | None:
        tag = prompt.answer_language
        if language(tag).script == "Latn" or every_line(prompt, text) != 1.0:
            return None
        return float(known_words.isdisjoint(_words(long_lines(text, tag), tag)))

    def unmixed(prompt: Prompt, text: str) -> float | None:
        if every_line(prompt, text) != 1.0:
            return None
        shares = identifier.foreign_shares([text.split(_NEXT)[0]], [prompt.answer_language])
        return float(shares == [0.0])

    metrics = [
        mean_of("line_pass_rate", every_line),
        mean_of("line_accuracy", share),
        mean_of("unmixed_rate", unmixed),
    ]
    if english_words:
        metrics.append(mean_of("word_pass_rate", no_english_word))
    return tuple(metrics)


def read_english_words(path: Path) -> frozenset[str]:
    """Read a list of words, one per line (`english_words.txt.gz` of the set's repository)."""
    if not path.is_file():
        raise InputError(
            f"expected the list of English words at {path}, came nothing; it is the file `words` "
            "that github.com/for-ai/language-confusion names, one word in a line"
        )
    return frozenset(filter(None, map(str.strip, read_lines(path))))


def long_lines(text: str, tag: str) -> list[str]:
    """Return the lines of at least five words, without punctuation, as they are identified."""
    cleaned = text.split(_NEXT)[0].strip().translate(_CLEANING)
    return [line for line in cleaned.split("\n") if _num_tokens(line, tag) >= _MIN_LINE_TOKENS]


def _num_tokens(line: str, tag: str) -> int:
    if language(tag).script not in _UNSPACED:
        return len(line.split())
    num_latin = len(_LATIN_WORD.findall(line))
    rest = "".join(_LATIN_WORD.sub("", line).split())
    return num_latin + -(-len(rest) // 2)


def _words(lines: Sequence[str], tag: str) -> list[str]:
    words_of = _LATIN_WORD.findall if language(tag).script in _UNSPACED else str.split
    return [word for line in lines for word in words_of(line)]


LCB = Benchmark("lcb", _examples, (), max_new_tokens=100)
"""Its metrics need an identifier: see `lcb_metrics`."""
