"""Throughput: a table of tokens per second in the package, and a user's file on top of it."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.files import read_file_text
from isoglot.core.languages import language
from isoglot.core.section import Section, validated
from isoglot.report.results.plan import Rate

_ROOM = 1.25  # a model of 8.03 billion weights is one of 8


class PlannedDevice(Section):
    """One kind of device: its memory, and its speed relative to another's where it has no rows."""

    name: str
    memory_gib: float = Field(gt=0)
    """Memory of one device; for `cpu` that of the machine is taken instead."""
    known_as: tuple[str, ...] = ()
    """Words in the name that the driver gives it, all of them."""
    rates_of: str | None = None
    """A device whose rows are scaled for work that has no row of its own."""
    compute: float = Field(1.0, gt=0)
    """Ratio of the operations a second, for `read` and `train`."""
    bandwidth: float = Field(1.0, gt=0)
    """Ratio of the bytes a second, for `generate` and `translate`."""
    source: str


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
    device: tuple[PlannedDevice, ...]

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
        if not rows and (like := self.scaled(device)):
            assert like.rates_of is not None
            found = self.find(work, like.rates_of, billions)
            factor = like.compute if work in ("read", "train") else like.bandwidth
            source = f"{factor:g} of {like.rates_of}, {like.source}; there {found.row.source}"
            row = found.row.model_copy(
                update={
                    "device": device,
                    "source": source,
                    "tokens_per_second": found.row.tokens_per_second * factor,
                }
            )
            return MatchedRate(row, found.tokens_per_second * factor)
        if not rows:
            known = sorted({row.device for row in self.rate if row.work == work})
            known += [each.name for each in self.device if each.rates_of in known]
            raise InputError(
                f"no throughput of {work} on {device!r}: expected one of {', '.join(known)}; name "
                "one with --device, or give the row in a file with --throughput"
            )
        rows.sort(key=lambda row: row.billions)
        for row in rows:
            if billions <= row.billions * _ROOM:
                return MatchedRate(row, row.tokens_per_second)
        return MatchedRate(row, row.tokens_per_second * row.billions / billions)

    def scaled(self, name: str) -> PlannedDevice | None:
        """Return a device that has the rates of another one."""
        return next((each for each in self.device if each.name == name and each.rates_of), None)

    def memory_gib(self, name: str) -> float | None:
        """Return the memory of a device; None if the table does not have it."""
        return next((each.memory_gib for each in self.device if each.name == name), None)

    def named(self, description: str, gib: float) -> PlannedDevice | None:
        """Return the device that a driver describes in this way, the one nearest in memory."""
        words = description.lower()
        found = [
            each
            for each in self.device
            if each.known_as and all(word.lower() in words for word in each.known_as)
        ]
        return min(found, key=lambda each: abs(each.memory_gib - gib), default=None)


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
        given = tomllib.loads(read_file_text(path))
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
    lists = {"rate": ("work", "device", "billions"), "device": ("name",)}
    merged = {}
    for name, key in lists.items():
        rows = [*values[name], *given.pop(name, [])]
        merged[name] = list({tuple(map(row.get, key)): row for row in rows}.values())
    tables = {key: {**values.get(key, {}), **table} for key, table in given.items()}
    return {**values, **tables, **merged}
