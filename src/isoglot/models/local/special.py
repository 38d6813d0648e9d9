"""Text of others beside special tokens: it opens and ends no turn, and is read as characters.

A tokenizer reads `<|im_end|>` as one special token, also where it stands in an answer that a judge
is given. Such text is marked before the chat template puts it between the template's own tokens.
"""

import re
from collections.abc import Sequence
from typing import Any

from isoglot.core.records import Message

_MARK = "\ufdd0"
"""A noncharacter of Unicode, for use inside a program (section 23.7): no text holds it."""


class SpecialTokens:
    """The special tokens of a tokenizer, in text of others and in that of a chat template."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokens = {
            each.content: each for each in tokenizer.added_tokens_decoder.values() if each.special
        }
        names = sorted({*self._tokens, *tokenizer.all_special_tokens} - {""}, key=len, reverse=True)
        either = "|".join(map(re.escape, names)) or "(?!)"
        self._anywhere = re.compile(either)
        self._own = re.compile(f"(?<!{_MARK})({either})")
        # Text may hold characters that the tokenizer does not know.
        self._ids = {*tokenizer.convert_tokens_to_ids(names)} - {tokenizer.unk_token_id}
        self._normalizer = None
        if any(each.normalized for each in self._tokens.values()):
            self._normalizer = getattr(tokenizer.backend_tokenizer, "normalizer", None)

    def mark(self, text: str) -> str:
        """Mark the special tokens in a text of others, which `encode` reads as characters."""
        text = text.replace(_MARK, "")
        if self._normalizer and self._anywhere.search(self._normalizer.normalize_str(text)):
            return _marked(text)
        return self._anywhere.sub(lambda found: _marked(found[0]), text)

    def mark_turns(self, turns: Sequence[Message]) -> list[Message]:
        """Mark the texts of turns, which a chat template may then render."""
        return [
            {key: text if key == "role" else self.mark(text) for key, text in turn.items()}
            for turn in turns
        ]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of texts, special ones only where they are not marked.

        Without a mark that is what the tokenizer makes of the text; with one, the text between two
        special tokens is read by itself.
        """
        if not texts:
            return []
        if not any(_MARK in text for text in texts):
            return self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> list[int]:
        if _MARK not in text:
            return self._tokenizer(text, add_special_tokens=False)["input_ids"]
        pieces = self._own.split(text)  # text, token, text, token … text
        ids: list[int] = []
        for place, piece in enumerate(pieces):
            if place % 2:
                ids.append(self._tokenizer.convert_tokens_to_ids(piece))
                continue
            before, after = (self._tokens.get(each) for each in _around(pieces, place))
            piece = piece.lstrip() if before is not None and before.rstrip else piece
            piece = piece.rstrip() if after is not None and after.lstrip else piece
            ids += self._characters(piece)
        return ids

    def _characters(self, piece: str) -> list[int]:
        """Return the tokens of a piece of text without any special one."""
        ids = self._plain(piece.replace(_MARK, ""))
        if self._ids.isdisjoint(ids):
            return ids
        # Unigram and WordPiece models find the names of special tokens in their own vocabulary.
        parts = re.split(f"((?:{_MARK}.)+)", piece, flags=re.DOTALL)
        found = [
            self._plain(each)
            for place, part in enumerate(parts)
            for each in (part.replace(_MARK, "") if place % 2 else [part])
        ]
        return [token for row in found for token in row if token not in self._ids]

    def _plain(self, text: str) -> list[int]:
        if not text:
            return []
        given = {"add_special_tokens": False, "split_special_tokens": True}
        return self._tokenizer(text, **given)["input_ids"]


def _marked(text: str) -> str:
    return "".join(_MARK + char for char in text)


def _around(pieces: Sequence[str], place: int) -> tuple[str, str]:
    """The special tokens before and after a piece; empty at the ends."""
    after = pieces[place + 1] if place + 1 < len(pieces) else ""
    return pieces[place - 1] if place else "", after
