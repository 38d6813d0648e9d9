"""What translation models call the languages of the table."""

from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.languages import ALIASES, language

_NLLB_CODES = {"sat_Olck": "sat_Beng"}  # the name of Santali in its vocabulary, whatever the script


class Codes:
    """What the vocabulary of a translation model calls the languages of the table.

    `nllb` writes `swh_Latn` before source and answer, `m2m100` writes `__sw__`, and `madlad` writes
    `<2sw>` before the source, whose own language it is not told.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        forms = {"nllb": "eng_Latn", "m2m100": "__en__", "madlad": "<2en>"}
        self.form = next((form for form, token in forms.items() if self._knows(token)), "")
        if not self.form:
            raise InputError(
                "expected a translation model that has eng_Latn, __en__ or <2en> in its vocabulary "
                "(NLLB-200, M2M100, MADLAD-400), came none of them; name such a model"
            )

    def token(self, tag: str) -> str:
        """The token of a language; raises InputError for one that the model does not know."""
        row = language(tag)
        # Not the language without its script: `zh` would answer in the other one.
        names = [row.tag, *(alias for alias, known in ALIASES.items() if known == row.tag)]
        names += [] if "-" in row.tag else [row.iso639_3]
        tokens = {
            "nllb": [_NLLB_CODES.get(row.flores, row.flores), row.flores],
            "m2m100": [f"__{name}__" for name in names],
            "madlad": [f"<2{name.replace('-', '_')}>" for name in names],
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
