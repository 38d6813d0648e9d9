"""Verdicts on two answers in the text of a judge: the first, the second, or a tie."""

import re
from functools import cache

from isoglot.models.judges.reply import CLOSE, OPEN, Form
from isoglot.models.judges.words import word_pattern, word_search

# The labels, look-alikes, and the first two letters of other scripts; the Cyrillic В is left out,
# which looks like B and comes third.
_FIRST = "AΑАأאԱა甲"
_SECOND = "BΒБبבԲბ乙"
_END = r"(?![A-Za-z\d_À-ɏ\u0370-\u1fff'’+&/?-]|\s*[&/?])"
_LETTER = rf"(?:(?<!\w)|(?<=[\u0e00-\u0eff\u3040-\ud7a3]))(?:{{}}){_END}"
_COMPARED = r"(?P<left>A|B)\s*(?P<than>>>|>|≫|=|<|<<|≪)\s*(?P<right>A|B)"
_GRADED_CHOICE = re.compile(r"(?P<side>[AB])\+{1,2}")
_SCORES = {"first": 1.0, "second": 0.0, "tie": 0.5}


class VerdictReader:
    """Reads the score of the first answer: 1 where it is better, 0 where not, 0.5 for a tie."""

    label = "verdict"
    is_answer_label = True

    def read(self, text: str, form: Form) -> float | None:
        text = text.replace("&gt;", ">").replace("&lt;", "<").replace("_", " ").strip()
        if form == "marked" and text in ("C", "c"):
            return _SCORES["tie"]  # of MT-Bench
        if graded := _GRADED_CHOICE.fullmatch(text):
            return None if form == "bare" else _score(graded["side"])  # of WildBench
        match = _verdict_pattern().fullmatch(text)
        if not match or (form == "bare" and not _bare_pattern().fullmatch(text)):
            return None
        score = _score_of(match)
        return score if _agrees(match["remark"], score) else None

    def read_sentence(self, line: str) -> float | None:  # noqa: ARG002
        """Return None: a sentence that names one answer may say anything about it."""
        return None

    def mentions(self, text: str) -> bool:
        return bool(_mentioned(text)) or bool(word_search("tie").search(text))


@cache
def _verdict_pattern() -> re.Pattern[str]:
    """Match a verdict, with words that agree with it and a remark behind a stop."""
    around = word_pattern("answer", "aside", without=("against", "turn"))
    agreeing = word_pattern("better", "answer", "aside", without=("against", "turn"))
    sides = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _sides().items())
    return re.compile(
        rf"{OPEN}*(?:{around}[\s#]*{OPEN}*)*(?:{_COMPARED}|{sides}){CLOSE}*(?:{agreeing}{CLOSE}*)*"
        rf"(?P<remark>(?:(?:[.,;:!。、।۔(\[]|[-–—]+\s|\s{{2,}}|{word_pattern('because')}).*)?)",
        re.IGNORECASE,
    )


@cache
def _bare_pattern() -> re.Pattern[str]:
    letters = "|".join(_LETTER.format(f"[{each}]") for each in (_FIRST, _SECOND))
    return re.compile(
        rf"{OPEN}*(?:{_COMPARED}|{letters}|{word_pattern('tie')}){CLOSE}*[.!。]*{CLOSE}*",
        re.IGNORECASE,
    )


def _sides() -> dict[str, str]:
    """The names of each verdict: a letter, `first`, or `answer 1`; and words for a tie."""
    numbered = rf"(?<=[^\W\d])\s*#?\s*{{}}{_END}"
    return {
        "tie": word_pattern("tie"),
        "first": f"{_LETTER.format(f'[{_FIRST}]')}|{word_pattern('first')}|{numbered.format(1)}",
        "second": f"{_LETTER.format(f'[{_SECOND}]')}|{word_pattern('second')}|{numbered.format(2)}",
    }


def _score(letter: str) -> float:
    return _SCORES["first" if letter.upper() == "A" else "second"]


def _score_of(match: re.Match[str]) -> float | None:
    if not match["left"]:
        return next(_SCORES[name] for name in _SCORES if match[name])
    if match["left"].upper() == match["right"].upper():
        return None
    if match["than"] == "=":
        return _SCORES["tie"]
    return _score(match["right" if match["than"] in ("<", "<<", "≪") else "left"])


def _agrees(remark: str, score: float | None) -> bool:
    """True if a remark names no other verdict, denies nothing, and asks nothing."""
    named = _mentioned(remark)
    if score == _SCORES["tie"]:
        return len(named) != 1 and "?" not in remark
    is_open = "?" in remark or word_search("against").search(remark)
    return named <= {score} and not is_open and not word_search("tie").search(remark)


def _mentioned(text: str) -> set[float]:
    """The scores of the answers that a text names, by capital letters or by their order."""
    letters = {"first": _FIRST, "second": _SECOND}
    return {
        _SCORES[name]
        for name, group in letters.items()
        if re.search(
            rf"(?<![^\W\u0e00-\u0eff\u3040-\ud7a3])[{group}](?![A-Za-z\d_À-ɏ\u0370-\u1fff])", text
        )
        or word_search(name).search(text)
    }
