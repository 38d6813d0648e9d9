"""A language identifier that chooses among the languages of a run, and may say that it is unsure.

Names, numbers and formulas tell little about a language, so a text is first reduced to its words in
the script that dominates. What is left is ranked by py3langid, a naive Bayes over byte n-grams
whose model lies in the package; docs/LOG.md says why this library, and with what error.

Limits: a few words with a name in them ("Maria ha 8 mele") are mostly unsure. A language next door
that is no candidate (Malay for Indonesian, Corsican for Italian) is often taken for the candidate.
A text in two languages is either one of them or unsure. Spoken Chinese is not told apart.
"""

import importlib.metadata
import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from isoglot.core.languages import LANGUAGES, language

MIN_LETTERS = 4
"""A text with fewer letters is unsure; Han counts 3, kana and Hangul 2."""

# A syllable or a word says as much as several letters.
_WEIGHTS = {"Hani": 3, "Kana": 2, "Jpan": 2, "Hang": 2}
_DOMINANT = 0.6  # share of the letters that one script must have
_KANA_OF_JAPANESE = 0.1  # kana among kana and Han; Japanese without any is rarer than a quoted kana

_IGNORED = re.compile(
    r"""
    ```.*?(?:```|\Z) | `[^`\n]*`            # code
    | (?:https?://|www\.)\S+ | \S+@\S+\.\w+ # addresses
    | </?\w[^>\n]*> | \\[a-zA-Z]+           # tags and LaTeX commands
    """,
    re.VERBOSE | re.DOTALL,
)
# Combining marks stay with their letters.
_NO_WORD = re.compile(r"[\d_]|[^\w\s'’\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff\u064b-\u0652-]")

_RANGES = (  # first code point, last code point, ISO 15924; sorted
    (0x0041, 0x024F, "Latn"), (0x0250, 0x02AF, "Latn"), (0x0370, 0x03FF, "Grek"),
    (0x0400, 0x052F, "Cyrl"), (0x0590, 0x05FF, "Hebr"), (0x0600, 0x06FF, "Arab"),
    (0x0750, 0x077F, "Arab"), (0x0900, 0x097F, "Deva"), (0x0980, 0x09FF, "Beng"),
    (0x0B80, 0x0BFF, "Taml"), (0x0C00, 0x0C7F, "Telu"), (0x0E00, 0x0E7F, "Thai"),
    (0x10A0, 0x10FF, "Geor"), (0x1100, 0x11FF, "Hang"), (0x1C90, 0x1CBF, "Geor"),
    (0x1E00, 0x1EFF, "Latn"), (0x1F00, 0x1FFF, "Grek"), (0x3040, 0x30FF, "Kana"),
    (0x3400, 0x4DBF, "Hani"), (0x4E00, 0x9FFF, "Hani"), (0xAC00, 0xD7A3, "Hang"),
    (0xFB1D, 0xFB4F, "Hebr"), (0xFB50, 0xFDFF, "Arab"), (0xFE70, 0xFEFC, "Arab"),
    (0x20000, 0x2FA1F, "Hani"),
)  # fmt: skip
_STARTS = [start for start, _, _ in _RANGES]

# The most frequent characters that were simplified, each above its traditional form.
_SIMPLIFIED = (
    "们来个时为说国过这还没对后学会从发问样经开两长进点无现应体当间关门见书给买卖总钱数块边"
)
_TRADITIONAL = (
    "們來個時為說國過這還沒對後學會從發問樣經開兩長進點無現應體當間關門見書給買賣總錢數塊邊"
)

# The script is the answer: hardly any other language is written in it.
_OF_ONE_LANGUAGE = frozenset({"Thai", "Geor", "Grek", "Taml", "Telu", "Hang", "Jpan"})

_LIBRARY = "py3langid"
_LIBRARY_CODES = {"nb": "no"}


class RestrictedIdentifier:
    """Identifies a text as one of the candidate languages, or as None.

    A text is None when it has no words, when no candidate is written in its script, when the best
    two candidates are closer than `margin`, and when a language outside the candidates is better
    than the best of them by more than `outside_margin`: an answer in a language of nobody's choice
    is not forced onto one. Both are differences of log-likelihood over the square root of the
    length in bytes. A text in Han is the one Chinese candidate, whichever it is, and where both
    are candidates the one whose characters it has more of.

    Instances hold no state between calls and may be shared by threads.

    Raises:
        ValueError: no candidates, a language that the table lacks, or one that the library lacks.
    """

    def __init__(
        self, languages: Sequence[str], *, margin: float = 2.0, outside_margin: float = 1.0
    ) -> None:
        if not languages:
            raise ValueError("languages: expected at least one BCP-47 tag, got none; name some")
        tags = sorted({language(tag).tag for tag in languages})
        self._margin = margin
        self._outside_margin = outside_margin
        self._ranker = _load_ranker()
        self._by_script: dict[str, dict[str, str]] = {}
        for tag in tags:
            self._by_script.setdefault(LANGUAGES[tag].script, {})[_library_code(tag)] = tag
        self._chinese = {LANGUAGES[tag].script: tag for tag in tags if tag.startswith("zh-Han")}
        lacking = [tag for tag in tags if _library_code(tag) not in self._ranker.labels]
        if lacking:
            raise ValueError(
                f"languages: expected languages that {_LIBRARY} knows, got {', '.join(lacking)}; "
                "leave them out of the candidates"
            )
        self.name = f"{_LIBRARY}@{importlib.metadata.version(_LIBRARY)}:{len(tags)}"

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        """A BCP-47 tag among the candidates for each text, or None when unsure."""
        return [self._identify_one(text) for text in texts]

    def _identify_one(self, text: str) -> str | None:
        words = " ".join(_NO_WORD.sub(" ", _IGNORED.sub(" ", text)).split())
        script = dominant_script(words)
        if script is None:
            return None
        if script == "Hani":
            return self._chinese_tag(words)
        candidates = self._by_script.get(script)
        if not candidates:
            return None
        if script in _OF_ONE_LANGUAGE:
            return next(iter(candidates.values()))
        return self._best(_only(words, script), candidates)

    def _best(self, words: str, candidates: Mapping[str, str]) -> str | None:
        ranked = self._ranker.rank(words)
        if ranked[0][1] == ranked[-1][1]:
            return None  # the model has no feature of this text
        unit = math.sqrt(len(words.encode("utf-8", "surrogatepass")))
        inside = [(code, score / unit) for code, score in ranked if code in candidates]
        best_code, best = inside[0]
        if len(inside) > 1 and best - inside[1][1] < self._margin:
            return None
        if ranked[0][1] / unit - best > self._outside_margin:
            return None
        return candidates[best_code]

    def _chinese_tag(self, words: str) -> str | None:
        if len(self._chinese) < 2:
            return next(iter(self._chinese.values()), None)
        simplified = sum(words.count(char) for char in _SIMPLIFIED)
        traditional = sum(words.count(char) for char in _TRADITIONAL)
        if simplified == traditional:
            return None
        return self._chinese["Hans" if simplified > traditional else "Hant"]


def dominant_script(text: str) -> str | None:
    """The ISO 15924 script of at least 60 % of the letters; None without one or below MIN_LETTERS.

    Text with kana is `Jpan`, Han without kana `Hani` (Chinese of either kind). Letters of a script
    that no language of the table uses count under `Zzzz`.
    """
    if text.isascii():
        return "Latn" if sum(map(str.isalpha, text)) >= MIN_LETTERS else None
    counts = Counter(filter(None, map(_script, text)))
    if (kana := counts["Kana"]) and kana >= _KANA_OF_JAPANESE * (kana + counts["Hani"]):
        counts["Jpan"] = counts.pop("Kana") + counts.pop("Hani", 0)
    weighted = {script: count * _WEIGHTS.get(script, 1) for script, count in counts.items()}
    total = sum(weighted.values())
    if total < MIN_LETTERS:
        return None
    script = max(weighted, key=lambda each: weighted[each])
    return script if weighted[script] >= _DOMINANT * total else None


@cache
def _script(char: str) -> str | None:
    """The script of a letter; None for what is no letter."""
    if not char.isalpha():
        return None
    index = bisect_right(_STARTS, ord(char)) - 1
    return _RANGES[index][2] if index >= 0 and ord(char) <= _RANGES[index][1] else "Zzzz"


def _only(words: str, script: str) -> str:
    """The words without those that have a letter of another script: names and loans."""
    if words.isascii():
        return words
    return " ".join(word for word in words.split() if {_script(c) for c in word} <= {script, None})


def _library_code(tag: str) -> str:
    base = tag.split("-")[0]
    return _LIBRARY_CODES.get(base, base)


@cache
def _load_ranker() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
