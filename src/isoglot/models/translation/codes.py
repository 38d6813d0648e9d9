"""Codes by which translation models and services know the languages of the table."""

from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.languages import ALIASES, Language, language

_NLLB_CODES = {"sat_Olck": "sat_Beng"}  # NLLB's code for Santali, although its script is Ol Chiki


def names_of(row: Language) -> list[str]:
    """Return the tag of a language, its aliases and, if it has one script, its ISO 639-3 code.

    The language without its script is not among them: `zh` might answer in the other script.
    """
    names = [row.tag, *(alias for alias, known in ALIASES.items() if known == row.tag)]
    return names if "-" in row.tag else [*names, row.iso639_3]


class Codes:
    """Language tokens of a translation model, read from its vocabulary.

    `nllb` has `swh_Latn` before source and answer, `m2m100` has `__sw__`, and `madlad` has `<2sw>`
    before the source, whose own language is not given.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        forms = {"nllb": "eng_Latn", "m2m100": "__en__", "madlad": "<2en>"}
        self.form = next((form for form, token in forms.items() if self._knows(token)), "")
        if not self.form:
            raise InputError(
                "expected a translation model that has eng_Latn, __en__ or <2en> in its vocabulary "
                "(NLLB-200, M2M100, MADLAD-400), got none of them; name such a model"
            )

    def token(self, tag: str) -> str:
        """Return the token of a language; raise InputError if the model does not know it."""
        row = language(tag)
        tokens = {
            "nllb": [_NLLB_CODES.get(row.flores, row.flores), row.flores],
            "m2m100": [f"__{name}__" for name in names_of(row)],
            "madlad": [f"<2{name.replace('-', '_')}>" for name in names_of(row)],
        }[self.form]
        known = next((token for token in tokens if token and self._knows(token)), None)
        if known is None:
            raise InputError(
                f"the translator does not know {row.english_name} ({row.tag}): expected one of "
                f"{', '.join(filter(None, tokens)) or 'its codes'} in its vocabulary; leave the "
                f"language out, or take a model that has it"
            )
        return known

    def _knows(self, token: str) -> bool:
        number = self._tokenizer.convert_tokens_to_ids(token)
        return number is not None and number != self._tokenizer.unk_token_id
