"""The words of judges' conclusions in many languages, as patterns."""

import re
import tomllib
from functools import cache
from importlib.resources import files

from isoglot.core.text import folded

# Han, kana, Hangul, Thai to Lao, Burmese and Khmer: no blank or particle ends a word there.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7a3]")


@cache
def word_pattern(*concepts: str, without: tuple[str, ...] = ()) -> str:
    """Return a pattern, without a group, of any word of these tables of `words.toml`.

    The longest word is tried first; one of a spaced script ends where no letter follows. A word
    that also stands in a table of `without`, for another language, is left out.
    """
    words = {word for concept in concepts for word in _words()[concept]}
    words -= {word for concept in without for word in _words()[concept]}
    found = []
    for word in sorted(words, key=lambda word: (-len(word), word)):
        pattern = r"\s+".join(map(re.escape, word.split()))
        found.append(pattern if _UNSPACED.search(word) else rf"(?<!\w){pattern}(?!\w)")
    return f"(?>{'|'.join(found)})"


@cache
def word_search(*concepts: str) -> re.Pattern[str]:
    """Return `word_pattern` for searching, in any case."""
    return re.compile(word_pattern(*concepts), re.IGNORECASE)


@cache
def _words() -> dict[str, tuple[str, ...]]:
    """Concept → its words in all languages."""
    text = files("isoglot.models.judges").joinpath("words.toml").read_text(encoding="utf-8")
    return {
        concept: tuple(
            folded(word.strip()) for words in by_tag.values() for word in words.split(",")
        )
        for concept, by_tag in tomllib.loads(text).items()
    }
