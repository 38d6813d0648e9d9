"""Find which of the given options an answer states, in any language and script.

Most of what goes wrong in multiple choice by generation goes wrong here, so the rules are few and
in order; the first that finds something decides:

1. What follows an answer phrase ("the answer is", "答案是"), the last readable one: the text of an
   option, a letter; in the rest of the line a letter in brackets or before a stop, else options.
2. A line that is only a letter; else lines that begin with a letter and a stop or a bracket.
3. A letter in brackets, or one that ends a line.
4. The text of an option anywhere.

If a rule finds two different options, or no rule finds any, the answer is unknown: an article
("A dog") is no letter, and a list of all options is no answer.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from isoglot.benchmarks.benchmark import literals
from isoglot.core.text import folded

UNDETERMINED = "und"
"""Key of the English words for languages without words of their own."""

_LATIN = "A-Za-z\u00aa\u00b5\u00ba-\u024f\u1e00-\u1eff"
# Thai and Lao, Burmese, Khmer, kana and Han are written without spaces: no word ends there.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_MARKDOWN = re.compile(r"[*_`~$\u200b-\u200f\u2060\ufeff]|\\(?:boxed|text|textbf|mathrm)(?=\{)")
_OPEN, _CLOSE = r"[(\[{【「『《]", r"[)\]}】」』》]"
# U+055D, U+1365, U+1366 and U+17D6 are the colons of Armenian, Ethiopic and Khmer.
_SIGNS = "\\s:=,\"'“”„‘«»()\\[\\]{}<>【】「」『』《》、–—\u055d\u1365\u1366\u17d6-"
_BETWEEN = f"[{_SIGNS}]*"
_STOP = "[.,;:!?()\\[\\]{}【】「」『』、。،؛؟।॥։۔\"'“”«»\u1362\u1365\u104b\u17d4-]"
_FINAL = ".!?。؟।॥։۔…\u1362\u104b\u17d4 "
_LEAD_STOP = r"[.)\]}】」』:、]"
_ARTICLES = "AE\u0410"  # letters that are also words with which a sentence begins
_PRONOUN = "I"  # a letter that is also a word within a sentence


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an item, as they were shown."""

    letters: Mapping[str, str]
    """Letter in front of an option → its label; empty where the options have no letters."""
    texts: Mapping[str, Sequence[str]]
    """Label → spellings of its text."""


def choice_words(language: str) -> Mapping[str, Any]:
    """Return the words of multiple choice in a language, else English ones (`native` false)."""
    words = literals("choices")
    return words.get(language, words[UNDETERMINED])


def find_stated_choice(text: str, options: Options, language: str) -> str | None:
    """Return the label that an answer states; None if it states none, or several.

    The words of `language` and of English are known; text after an invented question is ignored.
    """
    answer = _Answer(_first_answer(_plain(text), language), options, language)
    for rule in (_after_phrase, _by_line, _in_brackets, _by_text):
        found = rule(answer)
        if found:
            return found.pop() if len(found) == 1 else None
    return None


class _Answer:
    """An answer, and the letters and options found in it."""

    def __init__(self, plain: str, options: Options, language: str) -> None:
        self.plain, self.options = plain, options
        self.reader = _reader(language, tuple(options.letters))

    @cached_property
    def spans(self) -> list[tuple[int, int, set[str]]]:
        """Start, end and labels of each option in the text, the longest first."""
        return _spans(_lowered(self.plain), self.options.texts)

    def label(self, found: re.Match[str], group: str = "letter") -> str:
        return self.options.letters[self.reader.letter_of[found[group].upper()]]

    def letters(
        self, patterns: Iterable[re.Pattern[str]], start: int = 0, end: int | None = None
    ) -> set[str]:
        """Return the labels of all letters that the patterns find outside the text of an option.

        "Vitamin C" is an option, not the letter at its end.
        """
        if not self.options.letters:
            return set()
        stop = len(self.plain) if end is None else end
        found = {
            self.label(found)
            for pattern in patterns
            for found in pattern.finditer(self.plain, start, stop)
            if not any(first <= found.start("letter") < last for first, last, _ in self.spans)
        }
        pairs = list(self.reader.pair.finditer(self.plain, start, stop)) if found else []
        return found.union(*(self.both(pair) for pair in pairs))

    def both(self, pair: re.Match[str]) -> set[str]:
        """Return the labels of two letters that are stated together."""
        return {self.label(pair, "first"), self.label(pair)}

    def option_at(self, start: int) -> set[str]:
        """Return the labels of the option that begins here or after signs; empty if none does."""
        signs = self.reader.signs.match(self.plain, start)
        start = signs.end() if signs else start
        return next((labels for first, _, labels in self.spans if first == start), set())

    def with_option(self, found: re.Match[str]) -> set[str]:
        """Return the label of a letter, and those of another option that follows at once."""
        own, after = self.label(found), self.option_at(found.end("letter"))
        return {own} if own in after else {own} | after


def _after_phrase(answer: _Answer) -> set[str]:
    phrases = reversed(list(answer.reader.phrase.finditer(answer.plain)))
    return next(filter(None, (_found_after(answer, phrase.end()) for phrase in phrases)), set())


def _found_after(answer: _Answer, start: int) -> set[str]:
    reader, plain = answer.reader, answer.plain
    fillers = reader.fillers.match(plain, start)
    begin = fillers.end() if fillers else start
    option = answer.option_at(start) or answer.option_at(begin)
    if option:
        return option
    if answer.options.letters:
        letter = reader.letter.match(plain, start) or reader.small.match(plain, start)
        if letter and not _is_article(plain, start, letter):
            pair = reader.pair.match(plain, letter.start("letter"))
            return answer.with_option(letter) | ({answer.label(pair)} if pair else set())
    end = plain.find("\n", begin)
    end = len(plain) if end < 0 else end
    found = answer.letters((reader.bracketed, reader.stopped), begin, end)
    if found or not answer.options.letters:
        return found
    in_line = [labels for first, last, labels in answer.spans if begin <= first and last <= end]
    return set().union(*in_line)


def _is_article(plain: str, start: int, letter: re.Match[str]) -> bool:
    """True if a letter is a word: "Answer: A dog", "the answer I give"; not "the answer is A"."""
    after = plain[letter.end("letter") :]
    begins_sentence = re.search(r"[:\n]", plain[start : letter.start("letter")])
    goes_on = after[:1] == " " and after[1:2].islower()
    is_word = letter["letter"] in (_ARTICLES + _PRONOUN if begins_sentence else _PRONOUN)
    return bool(goes_on and is_word)


def _by_line(answer: _Answer) -> set[str]:
    reader, plain = answer.reader, answer.plain
    if not answer.options.letters:
        alone = (labels for first, last, labels in answer.spans if _is_line(plain, first, last))
        return answer.option_at(0) or set().union(*alone)
    alone_letters = {answer.label(found) for found in reader.line.finditer(plain)}
    leading = [answer.with_option(found) for found in reader.lead.finditer(plain)]
    pairs = reader.pair.finditer(plain) if leading else ()
    return alone_letters or set().union(*leading, *(answer.both(pair) for pair in pairs))


def _in_brackets(answer: _Answer) -> set[str]:
    return answer.letters((answer.reader.bracketed, answer.reader.last))


def _by_text(answer: _Answer) -> set[str]:
    if not answer.options.letters:  # "no" is "not" as well: such words count where a line begins
        return set()
    return set().union(*(labels for _, _, labels in answer.spans))


def _is_line(plain: str, first: int, last: int) -> bool:
    around = plain[:first].rpartition("\n")[2] + plain[last:].partition("\n")[0]
    return not re.search(r"\w", around)


def _spans(folded: str, texts: Mapping[str, Sequence[str]]) -> list[tuple[int, int, set[str]]]:
    labels_of: dict[str, set[str]] = {}
    for label, forms in texts.items():
        for form in forms:
            whole = _lowered(_plain(form))
            labels_of.setdefault(whole.rstrip(_FINAL) or whole, set()).add(label)
    spans: list[tuple[int, int, set[str]]] = []
    for option in sorted(filter(None, labels_of), key=lambda option: (-len(option), option)):
        start = folded.find(option)
        while start >= 0:
            end = start + len(option)
            inside = any(first < end and start < last for first, last, _ in spans)
            if not inside and _stands_alone(folded, start, end):
                spans.append((start, end, labels_of[option]))
            start = folded.find(option, start + 1)
    return spans


def _stands_alone(text: str, start: int, end: int) -> bool:
    """True if text[start:end] is whole words and whole numbers: not the 5 of -5, 0.5 or 5.2."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if text[start].isdigit() and (before[-1:] in ("-", "\u2212") or _goes_on(before[::-1])):
        return False
    if text[end - 1].isdigit() and _goes_on(after):
        return False
    return not (
        (_joins(text[start]) and _joins(before[-1:]))
        or (_joins(text[end - 1]) and _joins(after[:1]))
    )


def _goes_on(two: str) -> bool:
    return len(two) == 2 and two[0] in ".," and two[1].isdigit()


def _joins(char: str) -> bool:
    """True if a character forms one word with an adjacent letter."""
    if not char or re.match(f"[{_UNSPACED}]", char):
        return False
    return char.isalnum() or unicodedata.category(char).startswith("M")


def _plain(text: str) -> str:
    """Undo compatibility forms, Markdown and runs of blanks, but keep lines."""
    plain = _MARKDOWN.sub("", folded(text)).replace("’", "'")
    return "\n".join(" ".join(line.split()) for line in plain.splitlines()).strip()


def _first_answer(plain: str, language: str) -> str:
    for words in (choice_words(language), choice_words("en")):
        question = _plain(words["question"].split("{text}")[0])
        plain = plain.split(f"\n{question}", 1)[0]
    return plain


def _lowered(text: str) -> str:
    """Return lower case of the same length: only İ would grow."""
    return text.replace("İ", "i").lower()


class _Reader(NamedTuple):
    """Patterns of a language for a set of letters; the group `letter` is the letter found."""

    letter_of: Mapping[str, str]
    """Each spelling of a letter, in upper case → the letter."""
    phrase: re.Pattern[str]
    signs: re.Pattern[str]
    fillers: re.Pattern[str]
    letter: re.Pattern[str]
    """After a phrase, with fillers between."""
    small: re.Pattern[str]
    """Likewise in lower case, standing alone: not the article in "the answer is a dog"."""
    pair: re.Pattern[str]
    """Two letters (groups `first`, `letter`) that are stated together: `A or B`."""
    line: re.Pattern[str]
    lead: re.Pattern[str]
    bracketed: re.Pattern[str]
    stopped: re.Pattern[str]
    last: re.Pattern[str]


@lru_cache(maxsize=1024)
def _reader(language: str, letters: tuple[str, ...]) -> _Reader:
    own, english = choice_words(language), choice_words("en")

    def both(key: str) -> list[str]:
        return sorted({_plain(w) for w in (*own[key], *english[key])}, key=lambda w: (-len(w), w))

    written = {letter: [letter] for letter in letters}
    for letter, others in zip(letters, own["letters"], strict=False):
        written[letter] += _plain(others).split()
    forms = [form for each in written.values() for form in each]
    any_case, upper = f"(?P<letter>{_letter(forms)})", _letter(forms, upper_only=True)
    # A word of one letter in capitals is the letter: "a A" is Portuguese for "the A".
    small = _any_of([word for word in both("fillers") if len(word) == 1])
    long = _any_of([word for word in both("fillers") if len(word) > 1])
    chain = f"{_BETWEEN}(?:(?:{small}|(?i:{long})){_BETWEEN})*"
    joins = _any_of(both("joins"))
    phrases = "|".join(map(_phrase, both("phrases")))
    return _Reader(
        letter_of={form.upper(): letter for letter, each in written.items() for form in each},
        phrase=re.compile(f"(?i:{phrases})"),
        signs=re.compile(f"[.!。{_SIGNS}]*"),
        fillers=re.compile(chain),
        letter=re.compile(f"{chain}(?P<letter>{_letter(forms, upper_only=True, anchored=True)})"),
        small=re.compile(
            f"{chain}(?P<letter>{_letter(forms, anchored=True)})(?= ?(?:{_STOP}|$))", re.MULTILINE
        ),
        # "A, B is wrong" names only A.
        pair=re.compile(
            f"(?P<first>{upper}){_CLOSE}? *(?:[,、](?! ?[^ ]{{1,3}} [^ ])|[/&+]|{joins}) *"
            f"{_OPEN}?(?P<letter>{upper})"
        ),
        line=re.compile(f"^[^\\w\\n]*{any_case}[^\\w\\n]*$", re.MULTILINE),
        lead=re.compile(f"^[^\\w\\n]*{any_case} ?{_LEAD_STOP}", re.MULTILINE),
        bracketed=re.compile(f"{_OPEN}[ \"']?{any_case}[ \"']?{_CLOSE}"),
        stopped=re.compile(f"(?P<letter>{upper})(?={_STOP}|$)", re.MULTILINE),
        last=re.compile(f"(?P<letter>{upper})(?={_STOP}*$)", re.MULTILINE),
    )


def _letter(forms: Iterable[str], *, upper_only: bool = False, anchored: bool = False) -> str:
    """Match a letter that is no part of a word; `anchored`: the text before it already matched."""
    cased = {each for form in forms for each in ((form,) if upper_only else (form, form.lower()))}
    latin = "|".join(sorted(form for form in cased if re.fullmatch(f"[{_LATIN}]", form)))
    others = sorted(cased - set(latin.split("|")), key=lambda form: (-len(form), form))
    # "C'est" and "C-vitamin" are words; Turkish "C'dir" is "it is C".
    goes_on = f"[{_LATIN}0-9]|-[{_LATIN}]|'(?![dt][ıiuü]r)[{_LATIN}]"
    either = f"(?<![{_LATIN}0-9])(?:{latin})(?!{goes_on})" if latin else "(?!)"
    if others:
        before = "" if anchored else f"(?<![{_word_class()}])"
        either += f"|{before}(?:{'|'.join(map(re.escape, others))})(?![{_word_class()}])"
    return either


def _any_of(words: Sequence[str]) -> str:
    """Match any of these words, as a whole word if its script shows the ends of words."""
    unspaced = [word for word in words if re.match(f"[{_UNSPACED}]", word[-1])]
    spaced = "|".join(re.escape(word) for word in words if word not in unspaced)
    ended = [f"(?<![{_word_class()}])(?:{spaced})(?![{_word_class()}])"] if spaced else []
    return "|".join([*ended, *map(re.escape, unspaced)]) or "(?!)"


def _phrase(words: str) -> str:
    """Match a phrase and an ending of its last word: `cevabınız`, `정답은`."""
    if re.match(f"[{_UNSPACED}]", words[-1]):
        return re.escape(words)
    is_latin = re.match(f"[{_LATIN}]", words[-1])
    ending = f"[{_LATIN}]" if is_latin else f"(?:(?![{_LATIN}0-9])[{_word_class()}])"
    return f"{re.escape(words)}{ending}{{0,6}}"


@lru_cache(maxsize=1)
def _word_class() -> str:
    r"""Return `\w` and the marks it leaves out, such as the vowel signs of Devanagari.

    The ranges hold word characters as well: a class of 2,000 marks takes long to compile.
    """
    ranges, run, has_mark = [], "", False
    for char in map(chr, range(0x300, 0x2000)):
        kind = unicodedata.category(char)
        if kind[0] in "LMN" or kind == "Cn":
            run, has_mark = run + char, has_mark or kind[0] == "M"
        else:
            ranges += [f"{run[0]}-{run[-1]}"] if has_mark else []
            run, has_mark = "", False
    return r"\w" + "".join(ranges)
