"""The language table: one row per written language in `languages.csv`; BCP-47 is the key.

Rows: the 205 of FLORES-200 and SIB-200, those that NTREX-128, Belebele and XL-Sum have beyond them,
and Breton, Corsican, Hawaiian, Latin and Western Frisian.

Tags: the shortest language subtag, that of the macrolanguage if FLORES-200 has one member of it
(`sw` for swh, `ku` for kmr). A script is added if the table has a language in several: the usual
one goes without (`sr`, `sr-Latn`), save for Chinese, where both carry it.

Tiers are the resource classes of Joshi et al. 2020 (arXiv:2004.09095, list `lang2tax.txt`): classes
5 and 4 are `high`, 3 is `mid`, 0 to 2 and languages not on the list are `low`. A language that the
list names once (Chinese, Norwegian) gives its class to each of its written forms, but not to those
of Belebele in Latin letters (Hindi, Arabic), which are `low`, nor to the spoken Arabics.

Scripts are ISO 15924, as FLORES-200 writes them. Own names are written as in running text. Families
are the largest of Glottolog's; a creole counts with the language of its words, and Esperanto as
`Constructed`. The orders of magnitude of the speakers come from LinguaMeta, or, if that has no
number, from URL-NLP's `language_metadata`; they count all scripts of a language.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from isoglot.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table: a written language and its codes in other projects."""

    tag: str
    """BCP-47, the key."""
    flores: str
    """Code of FLORES-200 and SIB-200, or empty."""
    iso639_3: str
    """Code of the language alone; several scripts share it."""
    english_name: str
    own_name: str
    script: str
    family: str
    """The largest family, or the name of an isolate."""
    tier: str
    """`high`, `mid` or `low`."""
    speakers: int | None
    """Order of magnitude, a power of ten; None if no source gives a number."""
    ntrex: tuple[str, ...]
    """NTREX-128 codes; regional translations of one language share a row."""


def _read_row(row: dict[str, str]) -> Language:
    fields = {name: row[name] for name in row if name not in ("speakers", "ntrex")}
    speakers = int(row["speakers"]) if row["speakers"] else None
    return Language(**fields, speakers=speakers, ntrex=tuple(row["ntrex"].split()))


def _read_table(path: Path) -> dict[str, Language]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["tag"]: _read_row(row) for row in csv.DictReader(file)}


LANGUAGES: dict[str, Language] = _read_table(Path(__file__).with_name("languages.csv"))
"""Every language by its tag, in the order of the tags."""

ALIASES = {
    "zh": "zh-Hans",
    "zh-CN": "zh-Hans",
    "zh-TW": "zh-Hant",
    "no": "nb",
    "fil": "tl",
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "jw": "jv",
    "jp": "ja",
    "ff": "fuv",
    "en-GB": "en",
    "en-US": "en",
    "es-MX": "es",
    "fr-CA": "fr",
    "pt-BR": "pt",
    "pt-PT": "pt",
    "sr-Cyrl": "sr",
    "uz-Latn": "uz",
}
"""Codes that data sets use for a row of the table, and its tag."""


def language(tag: str) -> Language:
    """Return the row of a BCP-47 tag or of an alias.

    Raises:
        InputError: no such row; names the nearest tag, if there is one.
    """
    row = LANGUAGES.get(ALIASES.get(tag, tag))
    if row is None:
        near = _nearest_tag(tag)
        hint = f"did you mean {near!r}?" if near else "`isoglot languages` prints those known;"
        raise InputError(
            f"unknown language {tag!r}: expected a BCP-47 tag; {hint} "
            "A new language is a row of languages.csv"
        )
    return row


def language_of(code: str) -> Language:
    """Return the row of a language by any code that data sets use, or by its English name.

    A BCP-47 tag or an alias, with a region or without, or a code of FLORES-200, ISO 639-3 or
    NTREX-128, in any case.

    Raises:
        InputError: no such row; as `language` does.
    """
    if code in LANGUAGES or code in ALIASES:
        return language(code)
    first, *rest = code.strip().replace("_", "-").split("-")
    base = language_aliases().get(first.casefold(), first)
    without_region = [part for part in rest if not (len(part) in (2, 3) and part.upper() == part)]
    names = code.strip(), "-".join([base, *rest]), "-".join([base, *without_region])
    for name in names:
        if tag := _tags_by_code().get(name.casefold()):
            return LANGUAGES[tag]
    return language(code)


@cache
def language_aliases() -> Mapping[str, str]:
    """Return CLDR's aliases of languages, such as the codes of ISO 639-3 (`ara` for `ar`)."""
    from babel.core import get_global

    return get_global("language_aliases")


@cache
def _tags_by_code() -> dict[str, str]:
    """Return the tags by every code and English name, without case."""
    tags: dict[str, str] = {}
    for row in reversed(LANGUAGES.values()):  # the first row of a language has its usual script
        codes = (f"{row.iso639_3}_{row.script}", *row.ntrex, row.english_name, row.iso639_3)
        tags |= {code.casefold(): row.tag for code in codes}
    tags |= {row.flores.casefold(): row.tag for row in LANGUAGES.values() if row.flores}
    tags |= {alias.casefold(): tag for alias, tag in ALIASES.items()}
    return tags | {tag.casefold(): tag for tag in LANGUAGES}


def _nearest_tag(tag: str) -> str | None:
    """Find the tag meant by a misspelt tag, a code of another project or an English name."""
    tags = _tags_by_code()
    close = get_close_matches(tag.casefold(), tags, n=1, cutoff=0.7)
    return tags[close[0]] if close else None
