"""Find the letters of an answer that are in another language than the answer should be.

Two signs, of which each is enough:

* letters of a script that the language is not written in. Latin words among other letters count if
  they are neither names, acronyms nor units, which have capitals or few letters, nor `TERMS`;
* a stretch of words that another candidate explains better: the running sum of their log-likelihood
  ratio (CUSUM, Page 1954) passes a bound that no single word can pass. Names, compounds with a
  hyphen and a word that repeats the one before do not count.

Mentions stay out: code, addresses, formulas, what stands in quotation marks, brackets or italics,
the word before a dash or colon in a list, and words of a script whose language the text names.

Limits: one or two words of the same script, and of closely related languages even more, are not
seen; nor are terms in Han between Chinese and Japanese. docs/LOG.md has the rates.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from isoglot.core.languages import LANGUAGES, locale_of
from isoglot.core.protected import FENCE, SPAN
from isoglot.core.text import folded
from isoglot.models.language.code import without_code
from isoglot.models.language.naive_bayes import load_script_model
from isoglot.models.language.scripts import script_of, script_runs
from isoglot.models.language.spelling import one_spelling

TERMS = frozenset(Path(__file__).with_name("terms.txt").read_text("utf-8").split())
"""Words of computing that most languages also write in Latin letters."""

_OWN_SCRIPTS = {"Hans": ("Hani",), "Hant": ("Hani",), "Jpan": ("Hani", "Kana")}
_ALONE = {"Hani": 1, "Kana": 1, "Hang": 1}
"""Letters of another script that do not occur by themselves, by script; of others two: `α`, `Ω`."""
_ALONE_BESIDE = {("Hang", "Hani"): 2, ("Hans", "Kana"): 2, ("Hant", "Kana"): 2}

_MENTION = re.compile(
    r"""
    “[^“”\n]{1,300}[”“] | „[^“”„\n]{1,300}[“”] | «[^«»\n]{1,300}» | »[^«»\n]{1,300}«
    | ‹[^‹›\n]{1,99}› | 「[^「」\n]{1,300}」
    | 『[^『』\n]{1,300}』 | 《[^《》\n]{1,99}》 | 〈[^〈〉\n]{1,99}〉
    | (?<!\w)"(?=\S)[^"\n]{1,300}(?<=\S)"(?!\w) | ‘[^‘’\n]{1,99}’ | (?<!\w)'[^'\n]{1,99}'(?!\w)
    | \([^()\n]{1,120}\) | \[[^\[\]\n]{1,120}\] | 【[^【】\n]{1,120}】
    | (?<![\w*])\*[^*\s][^*\n]{0,60}\*(?![\w*]) | (?<!\w)_[^_\s][^_\n]{0,60}_(?!\w)
    """,
    re.VERBOSE,
)
_ENTRY = re.compile(  # the word that an entry of a list is about
    r"^[ \t]*(?:[-*•–|#>]+|\d+[.)])[ \t]*\**[^\s:–—=|→*][^\n:–—=|→.!?]{0,40}?\**[ \t]*[:–—=|→]",
    re.MULTILINE,
)
_LATIN_LETTERS = "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ"
_LATIN = f"[{_LATIN_LETTERS}]"
_LATIN_PHRASE = re.compile(  # whole words: of `weather.com` no part, either
    rf"(?<![\d@#/\\_.&+{_LATIN_LETTERS}]){_LATIN}+(?:['’-]{_LATIN}+)*"
    rf"(?:[ ,]+{_LATIN}+(?:['’-]{_LATIN}+)*)*(?![\d@/\\_&+{_LATIN_LETTERS}]|\.\w)"
)
_ADDRESS = re.compile(r"(?<!\w)[\w-]+(?:\.[a-z]{2,})+(?!\w)")  # `weather.com`
_MOST_QUOTED_WORDS, _MOST_QUOTED_CHARS = 4, 30  # of a mention, whatever it is
_MIN_WORD_LETTERS = 4
_MOST_MENTIONED = 20  # letters
_MIN_CHINESE_SENTENCE = 10  # letters of Han
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’-][^\W\d_]+)*")
_MARK = re.compile(r"[\u0300-\u036f]")

_LEAST, _MOST = -4.0, 7.0  # of the ratio of one word, so that no word decides alone
_DRIFT = 1.0
_BOUND = 6.5


def foreign_share(text: str, tag: str, others: Sequence[str]) -> float:
    """Return the share of the letters of a text that are not in its language, 0 to 1.

    `others` are the languages (BCP-47) that words of the same script may be in. 0 for a text
    without letters.
    """
    plain = without_code(SPAN.sub(" ", FENCE.sub(" ", folded(text))))
    plain = _ADDRESS.sub(" ", _ENTRY.sub(" ", plain))

    def without_mention(quoted: re.Match[str]) -> str:
        """Keep a quotation in the language itself, which may be mixed, too."""
        content = quoted[0]
        is_short = len(content.split()) <= _MOST_QUOTED_WORDS and len(content) <= _MOST_QUOTED_CHARS
        return " " if is_short or _foreign_share(content, tag, others) > 0.5 else content

    return _foreign_share(_MENTION.sub(without_mention, plain), tag, others)


def _foreign_share(plain: str, tag: str, others: Sequence[str]) -> float:
    script = LANGUAGES[tag].script
    runs = _script_runs(plain)
    total = sum(len(run) for _, run in runs)
    if not total:
        return 0.0
    strange: dict[str, list[str]] = defaultdict(list)
    for name, run in runs:
        if _is_foreign(name, len(run), script):
            strange[name].append(run)
    foreign = sum(
        sum(map(len, found))
        for name, found in strange.items()
        if not _is_mention(name, found, plain, tag)
    )
    if script == "Jpan":
        foreign += _chinese(plain)
    if script != "Latn":
        foreign += _foreign_latin(plain)
    return min(1.0, (foreign + _other_words(plain, tag, others)) / total)


def _script_runs(text: str) -> list[tuple[str, str]]:
    """Return `script_runs` without accents, which are no letters to count."""
    return script_runs(_MARK.sub("", text))


def _is_foreign(name: str, length: int, script: str) -> bool:
    if name in ("Latn", *_OWN_SCRIPTS.get(script, (script,))):
        return False
    return length >= _ALONE_BESIDE.get((script, name), _ALONE.get(name, 2))


def _is_mention(script: str, runs: Sequence[str], text: str, tag: str) -> bool:
    """True for a few letters of a script near the name of a language that is written in it."""
    if sum(map(len, runs)) > _MOST_MENTIONED:
        return False
    place = text.find(runs[0])
    near = text[max(0, place - 40) : place + 40].casefold()
    return any(re.search(rf"\b{name}", near) for name in _names_by_script(tag).get(script, ()))


def _chinese(text: str) -> int:
    """Count the letters of Han in a Japanese text that are Chinese.

    Those are words with a character that Japanese character sets lack, and sentences without kana.
    """
    letters = 0
    for sentence in re.split(r"[。！？!?\n]", text):
        runs = _script_runs(sentence)
        words = [run for script, run in runs if script == "Hani"]
        has_kana = any(script == "Kana" for script, _ in runs)
        is_long = sum(map(len, words)) >= _MIN_CHINESE_SENTENCE
        letters += sum(len(w) for w in words if (is_long and not has_kana) or not _is_kanji(w))
    return letters


def _is_kanji(word: str) -> bool:
    return word.encode("euc_jis_2004", "ignore").decode("euc_jis_2004") == word


@cache
def _names_by_script(tag: str) -> dict[str, list[str]]:
    """Return the beginnings of the names that a language has for others, by their script."""
    locale = locale_of(tag)
    names = locale.languages if locale else {}
    found: dict[str, list[str]] = {}
    for other in LANGUAGES.values():
        if name := names.get(other.tag.split("-")[0]):
            for script in _OWN_SCRIPTS.get(other.script, (other.script,)):
                found.setdefault(script, []).append(re.escape(_stem(name.casefold())))
    return found


def _stem(name: str) -> str:
    """Leave out the ending of a name where languages have case and letters of two sizes."""
    return name[: max(4, len(name) - 2)] if name.upper() != name else name


def _foreign_latin(text: str) -> int:
    """Count the letters of Latin words, among letters of another script, that are no names."""
    letters = 0
    for phrase in _LATIN_PHRASE.finditer(text):
        words = re.findall(rf"{_LATIN}+(?:['’-]{_LATIN}+)*", phrase[0])
        lower = [w for w in words if w.islower() and len(w) > 1 and w not in TERMS]
        long = [w for w in lower if len(w) >= _MIN_WORD_LETTERS]
        num_capital = sum(not w.islower() for w in words)
        is_name = (
            words[0][0].isupper()
            and num_capital >= len(lower)
            and (not long or len(lower) == 1)
            and not (words[-1].islower() and len(words) > 2)
        )
        if (long or len(lower) > 1) and not is_name:
            letters += sum(map(len, lower))
    return letters


def _other_words(text: str, tag: str, others: Sequence[str]) -> int:
    """Count the letters of the stretches that one of the other languages explains better."""
    script = LANGUAGES[tag].script
    words = [w for w in _words(text) if script_of(w[0]) == script]
    if not words or not others or script in _OWN_SCRIPTS:
        return 0
    ratios = _ratios(words, tag, others)
    is_other = np.zeros(len(words), dtype=bool)
    for column in ratios.T:
        for start, stop in _stretches(column.tolist()):
            is_other[start:stop] = True
    return sum(len(word) for word, other in zip(words, is_other, strict=True) if other)


def _words(text: str) -> list[str]:
    return [word for part in one_spelling(text).split() for word in _WORD.findall(part)]


def _ratios(words: Sequence[str], tag: str, others: Sequence[str]) -> Any:
    """Return how much better each other language explains each word, words * languages."""
    model = load_script_model(LANGUAGES[tag].script)
    [typed] = model.as_typed([[word.lower() for word in words]])
    scores, num_ngrams = model.scores([[word] for word in typed])
    own = scores[:, [model.labels.index(tag)]]
    ratios = scores[:, [model.labels.index(other) for other in others]] - own
    ratios /= np.sqrt(np.maximum(num_ngrams, 1))[:, None]
    ratios[[_says_nothing(w, before) for before, w in pairwise(["", *words])]] = 0
    return np.clip(ratios, _LEAST, _MOST) - _DRIFT


def _says_nothing(word: str, before: str) -> bool:
    is_name = len(word) == 1 or word[0].isupper() or word in TERMS
    return is_name or "-" in word or word == before


def _stretches(steps: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Return the stretches whose running sum passes the bound, each up to its highest point."""
    total = best = 0.0
    start = stop = 0
    for place, step in enumerate(steps):
        if total + step <= 0:
            if best > _BOUND:
                yield start, stop
            total = best = 0.0
            start = place + 1
            continue
        total += step
        if total > best:
            best, stop = total, place + 1
    if best > _BOUND:
        yield start, stop
