"""Throughput: a table of tokens per second in the package, and a user's file on top of it."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.section import Section, validated
from isoglot.report.results.plan import Rate

_ROOM = 1.25  # a model of 8.03 billion weights is one of 8


class Assumed(Section):
    """Assumptions, for figures that are neither measured nor in the recipe."""

    typical_share: float = Field(gt=0, le=1)
    """Typical length of a completion, as a share of `max_new_tokens`."""
    prompt_characters: float = Field(gt=0)
    """Length of an English prompt in characters, for prompts that are not here."""
    model_billions: float = Field(gt=0)
    """Size of a model of unknown size, in billions of weights."""


class Throughput(Section):
    """The whole table; `characters_per_token` and `tokens_per_english_token` are by script."""

    assumed: Assumed
    characters_per_token: Mapping[str, float]
    tokens_per_english_token: Mapping[str, float]
    rate: tuple[Rate, ...]

    def characters_of_token(self, tag: str) -> float:
        """Return the characters per token of a language."""
        table = self.characters_per_token
        return table.get(language(tag).script, table["other"])

    def premium(self, tag: str) -> float:
        """Return the ratio of the tokens of a text to those of its English version."""
        if tag == "en":
            return 1.0
        table = self.tokens_per_english_token
        return table.get(language(tag).script, table["other"])

    def find(self, work: str, device: str, billions: float) -> "MatchedRate":
        """Find the row of the smallest size that fits the model; beyond the last, scale it.

        Raises InputError if the table has no row for the work on the device.
        """
        rows = [row for row in self.rate if (row.work, row.device) == (work, device)]
        if not rows:
            known = sorted({row.device for row in self.rate if row.work == work})
            raise InputError(
                f"no throughput of {work} on {device!r}: expected one of {', '.join(known)}; name "
                "one with --device, or give the row in a file with --throughput"
            )
        rows.sort(key=lambda row: row.billions)
        for row in rows:
            if billions <= row.billions * _ROOM:
                return MatchedRate(row, row.tokens_per_second)
        return MatchedRate(row, row.tokens_per_second * row.billions / billions)


class MatchedRate(NamedTuple):
    """A row of the table, and its rate for a given model."""

    row: Rate
    tokens_per_second: float


def load_throughput(path: Path | None = None) -> Throughput:
    """Load the table of the package, and put the rows of the user's file on top of it.

    Raises InputError for no such file, no TOML, or an unknown key.
    """
    text = files("isoglot.planning").joinpath("throughput.toml").read_text(encoding="utf-8")
    values = tomllib.loads(text)
    if path is None:
        return Throughput.model_validate(values)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"cannot read the throughput {path} ({error}); correct it") from None
    try:
        merged = _merged(values, given)
    except (AttributeError, TypeError):
        raise InputError(
            f"throughput {path}: expected tables [assumed], [characters_per_token] and rows "
            "[[rate]]; see the package"
        ) from None
    return validated(Throughput, merged, f"throughput {path}")


def _merged(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    key = ("work", "device", "billions")
    rows = {tuple(map(row.get, key)): row for row in [*values["rate"], *given.pop("rate", [])]}
    tables = {key: {**values.get(key, {}), **table} for key, table in given.items()}
    return {**values, **tables, "rate": list(rows.values())}
