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
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

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

_POSIX_SCRIPTS = {"latin": "Latn", "cyrillic": "Cyrl", "devanagari": "Deva"}
"""Scripts by the names that follow `@` in a locale of POSIX, such as `sr_RS@latin`."""


def language(tag: str) -> Language:
    """Return the row of a BCP-47 tag or of an alias.

    Raises:
        InputError: no such row; names the tag that was meant, where that can be told.
    """
    row = LANGUAGES.get(ALIASES.get(tag, tag))
    if row is None:
        near = _read_code(tag) or _tag_of_country(tag) or _tag_of_misspelt_name(tag)
        hint = f"did you mean {near!r}?" if near else "`isoglot languages` prints those known;"
        raise InputError(
            f"unknown language {tag!r}: expected a BCP-47 tag; {hint} "
            "A new language is a row of languages.csv"
        )
    return row


def language_of(code: str) -> Language:
    """Return the row of a language by any code or name that data sets use, in any case.

    A BCP-47 tag with script, region or variant, a locale (`de_DE.UTF-8`), a code of FLORES-200,
    NTREX-128 or ISO 639, or the English or own name. A region chooses the script that CLDR expects
    there; a language whose script there has no row is unknown.

    Raises:
        InputError: no such row; as `language` does.
    """
    tag = _read_code(code)
    return LANGUAGES[tag] if tag else language(code)


@cache
def language_aliases() -> Mapping[str, str]:
    """Return CLDR's aliases of languages, such as the codes of ISO 639-3 (`ara` for `ar`)."""
    from babel.core import get_global

    return get_global("language_aliases")


@cache
def _cldr_names() -> Mapping[str, str]:
    """Return CLDR's English names by code, such as `nl_BE`: Flemish."""
    from babel import Locale

    return Locale("en").languages


@cache
def locale_of(tag: str) -> Any:
    """Return babel's locale of a language, with the words that CLDR has; None where it has none."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def _likely_subtags(*subtags: str | None) -> tuple[str, str]:
    """Return the language and script that CLDR expects with some subtags; empty if unknown."""
    from babel.core import get_global

    found = get_global("likely_subtags").get("_".join(filter(None, subtags)), "").split("_")
    return (found[0], found[1]) if len(found) == 3 else ("", "")


def _read_code(code: str) -> str | None:
    """Return the tag of a code or name, or None."""
    code = code.strip()
    return (
        _tags_by_code().get(_folded(code))
        or _tag_of_locale(code)
        or _tags_by_name().get(_folded(code))
    )


def _tag_of_locale(code: str) -> str | None:
    """Return the tag of a language with a script, region or variant."""
    from babel.core import parse_locale

    written = code.replace("_", "-")
    try:
        stem, region, script, _, *modifier = parse_locale(written, sep="-")
        # Serbo-Croatian is `sr_Latn`, Dari `fa_AF`.
        stem, alias_region, alias_script, *_ = parse_locale(language_aliases().get(stem, stem))
    except ValueError:  # no such form
        return None
    region = region or alias_region
    script = script or _POSIX_SCRIPTS.get("".join(map(str, modifier))) or alias_script
    if region and not _is_region(region, stem, written):
        return None
    tag = _tags_of_regions().get(f"{stem}_{region}") or _tags_by_code().get(stem)
    if tag is None:
        return None
    here, usual = _likely_subtags(stem, region)[1], _likely_subtags(stem)[1]
    if not script and here not in ("", usual):
        script = here
    if script in (None, LANGUAGES[tag].script, usual):
        return tag
    other = f"{tag.partition('-')[0]}-{script}"
    return other if other in LANGUAGES else None


def _is_region(region: str, stem: str, written: str) -> bool:
    """False for the second language of a pair, such as `en-de`; lower case alone does not tell."""
    from babel import Locale

    if region not in Locale("en").territories:
        return False
    is_language = region.lower() in _tags_by_code() and region not in written
    return not is_language or _likely_subtags("und", region)[0] == stem


def _folded(name: str) -> str:
    """Return a name without case and accents."""
    return re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFD", name.casefold()))


@cache
def _tags_by_code() -> dict[str, str]:
    """Return the tags by every code, without case."""
    tags: dict[str, str] = {}
    for row in reversed(LANGUAGES.values()):  # the first row of a language has its usual script
        codes = (f"{row.iso639_3}_{row.script}", *row.ntrex, row.iso639_3)
        tags |= {code.casefold(): row.tag for code in codes}
    tags |= {row.flores.casefold(): row.tag for row in LANGUAGES.values() if row.flores}
    tags |= {alias.casefold(): tag for alias, tag in ALIASES.items()}
    tags |= {tag.casefold(): tag for tag in LANGUAGES}
    return tags | {code.replace("-", "_"): tag for code, tag in tags.items()}


@cache
def _tags_of_regions() -> dict[str, str]:
    """Return the tags of rows that CLDR writes with a region, such as `prs` for `fa_AF`."""
    return {
        language_aliases()[tag]: tag for tag in LANGUAGES if "_" in language_aliases().get(tag, "")
    }


@cache
def _tags_by_name() -> dict[str, str]:
    """Return the tags by English names, those of CLDR too, and by own names, folded."""
    names = {_folded(name): _tag_of_locale(code) for code, name in _cldr_names().items()}
    tags = {name: tag for name, tag in names.items() if tag}
    for row in reversed(LANGUAGES.values()):
        tags |= {_folded(name): row.tag for name in (row.own_name, row.english_name)}
    return tags


def _tag_of_country(code: str) -> str | None:
    """Return the tag of a country's one official language, unless a language has that code."""
    from babel.languages import get_official_languages

    if code.casefold() in _cldr_names():
        return None
    official = get_official_languages(code.upper())
    return _tags_by_code().get(official[0]) if len(official) == 1 else None


def _tag_of_misspelt_name(name: str) -> str | None:
    """Return the tag of the nearest name; None for the name of a language without a row."""
    names = {_folded(known): None for known in _cldr_names().values()} | _tags_by_name()
    close = get_close_matches(_folded(name), names, n=1, cutoff=0.8)
    return names[close[0]] if close else None
