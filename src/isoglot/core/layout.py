"""A text as lines, list markers, code and sentences, so that a model translates sentences only."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from isoglot.core.languages import language
from isoglot.core.protected import FENCE, mask, unmask
from isoglot.core.sentences import sentences

_MASK = re.compile(r"\[[0-9]+\]")
_LINE_BREAK = re.compile(r"(\r\n|\r|\n)")
_MARKER = re.compile(
    r"\s*(?:(?:[-*+•‣◦▪·–—>|]+|#{1,6}|\(?(?:\d{1,3}|[A-Za-z])[.)]|\(?[ivxIVX]{1,4}[.)])\s+)*"
)
_WITHOUT_BLANKS = {"Hans", "Hant", "Jpan"}


class Piece(NamedTuple):
    """A stretch of a text: a sentence to translate, or something to keep as it is."""

    text: str
    """A sentence has masks in place of code and the like, see `isoglot.core.protected`."""
    is_sentence: bool
    kept: tuple[str, ...] = ()
    """The stretches that the masks of a sentence stand for."""


def pieces_of(text: str, tag: str) -> list[Piece]:
    """Divide a text in a language into pieces; joined, with sentences unmasked, they are the text.

    Line breaks, indents, list markers and blocks of code are kept, and so is a sentence that has no
    letter outside its code and addresses.
    """
    pieces: list[Piece] = []
    end = 0
    for fence in FENCE.finditer(text):
        pieces += _pieces_between(text[end : fence.start()], tag)
        pieces.append(Piece(fence[0], False))
        end = fence.end()
    return pieces + list(_pieces_between(text[end:], tag))


def join_pieces(pieces: Sequence[Piece], translations: Sequence[str], target: str) -> str | None:
    """Join the pieces with each sentence replaced by its translation; None if one lost a mask.

    Sentences are separated as in the target language: by a blank, save in Chinese and Japanese.
    """
    blank = "" if language(target).script in _WITHOUT_BLANKS else " "
    remaining = iter(translations)
    out: list[str] = []
    for i, piece in enumerate(pieces):
        if piece.is_sentence:
            text = unmask(" ".join(next(remaining).split()), piece.kept)
            if not text:
                return None
            out.append(text)
        elif piece.text in ("", " ") and _is_between_sentences(pieces, i):
            out.append(blank)
        else:
            out.append(piece.text)
    return "".join(out)


def _is_between_sentences(pieces: Sequence[Piece], i: int) -> bool:
    return 0 < i < len(pieces) - 1 and pieces[i - 1].is_sentence and pieces[i + 1].is_sentence


def _pieces_between(text: str, tag: str) -> Iterator[Piece]:
    for i, line in enumerate(_LINE_BREAK.split(text)):
        if i % 2 or not line:
            if line:
                yield Piece(line, False)
            continue
        marker = _MARKER.match(line)
        start = marker.end() if marker else 0
        if start:
            yield Piece(line[:start], False)
        yield from _pieces_of_line(line[start:], tag)


def _pieces_of_line(line: str, tag: str) -> Iterator[Piece]:
    masked, kept = mask(line)
    taken = 0
    all_sentences = sentences(masked, tag)
    if sum(len(_MASK.findall(sentence)) for sentence in all_sentences) != len(kept):
        all_sentences = [masked]  # a sentence would end inside a mask
    for i, sentence in enumerate(all_sentences):
        num = len(_MASK.findall(sentence))
        own = kept[taken : taken + num]
        body = sentence.rstrip()
        if any(map(str.isalpha, _MASK.sub("", body))):
            yield Piece(_filled(body, [f"[{j}]" for j in range(num)]), True, tuple(own))
        else:
            yield Piece(_filled(body, own), False)
        taken += num
        if i < len(all_sentences) - 1 or sentence != body:
            yield Piece(sentence[len(body) :], False)


def _filled(text: str, kept: Sequence[str]) -> str:
    remaining = iter(kept)
    return _MASK.sub(lambda _: next(remaining), text)
