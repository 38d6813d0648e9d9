"""The language table: one row per written language in `languages.csv`; BCP-47 is the key.

Rows: the 205 of FLORES-200 and SIB-200, what NTREX-128, Belebele and XL-Sum have beyond them, and
Breton, Corsican, Hawaiian, Latin and Western Frisian.

Tags: the shortest language subtag, that of the macrolanguage where FLORES-200 has one member of it
(`sw` for swh, `ku` for kmr). A script is added where the table has a language in several: the usual
one goes without (`sr`, `sr-Latn`), save for Chinese, where both carry it.

Tiers are the resource classes of Joshi et al. 2020 (arXiv:2004.09095, list `lang2tax.txt`): classes
5 and 4 are `high`, 3 is `mid`, 0 to 2 and languages not on the list are `low`. A list that names a
language once (Chinese, Norwegian) gives its class to each of its written forms, but not to those of
Belebele in Latin letters (Hindi, Arabic), which are `low`, nor to the spoken Arabics.

Scripts are ISO 15924, as FLORES-200 writes them. Own names are written as in running text. Families
are the largest of Glottolog's; a creole stands with the language of its words, and Esperanto under
`Constructed`. The orders of magnitude of the speakers are worked out from LinguaMeta, or where that
has no number from URL-NLP's `language_metadata`; they count all scripts of a language.
"""

import csv
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from isoglot.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table: a written language and what other projects call it."""

    tag: str
    """BCP-47, the key."""
    flores: str
    """FLORES-200 and SIB-200 code, for the edge; empty where they lack the language."""
    iso639_3: str
    """The code of the language alone; several scripts share it."""
    english_name: str
    own_name: str
    script: str
    family: str
    """The largest family, or the name of an isolate."""
    tier: str
    """`high`, `mid` or `low`."""
    speakers: int | None
    """Order of magnitude, a power of ten; None where no source gives a number."""
    ntrex: tuple[str, ...]
    """NTREX-128 codes, for the edge; regional translations of one language stand in one row."""


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
"""What data sets write for a row of the table; the tag stands everywhere behind the edge."""

_TAG_OF_CODE = {
    # The first row of a language is the one in its usual script.
    f"{row.iso639_3}_{row.script}": row.tag
    for row in LANGUAGES.values()
}
_TAG_OF_ISO = {row.iso639_3: row.tag for row in reversed(LANGUAGES.values())}
_TAG_OF_NTREX = {code: row.tag for row in LANGUAGES.values() for code in row.ntrex}
_TAG_OF_NAME = {row.english_name.casefold(): row.tag for row in LANGUAGES.values()}


def language(tag: str) -> Language:
    """The row of a BCP-47 tag or of an alias of one.

    Raises:
        InputError: no such row; the message names the nearest tag if there is one.
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


def _nearest_tag(tag: str) -> str | None:
    """The tag that was meant by a misspelt tag, a code of another project or an English name."""
    tags = {code.casefold(): known for code, known in _TAG_OF_CODE.items()}
    tags |= {code.casefold(): known for code, known in _TAG_OF_NTREX.items()}
    tags |= {**_TAG_OF_NAME, **_TAG_OF_ISO, **{known.casefold(): known for known in LANGUAGES}}
    close = get_close_matches(tag.casefold(), tags, n=1, cutoff=0.7)
    return tags[close[0]] if close else None


def tag_from_flores(code: str) -> str:
    """The BCP-47 tag of a FLORES-200 code such as `swh_Latn`.

    Languages that FLORES-200 lacks have a code of the same form here, as Belebele writes it.

    Raises:
        InputError: no row of the table has this code.
    """
    return _tag_from(_TAG_OF_CODE, code, "FLORES", "swh_Latn")


def tag_from_ntrex(code: str) -> str:
    """The BCP-47 tag of an NTREX-128 code such as `swa` or `srp-Latn`.

    Raises:
        InputError: no row of the table has this code.
    """
    return _tag_from(_TAG_OF_NTREX, code, "NTREX", "srp-Latn")


def _tag_from(tags: dict[str, str], code: str, project: str, example: str) -> str:
    if code not in tags:
        close = get_close_matches(code, tags, n=5)
        close.sort(key=lambda known: known[:2] != code[:2])
        hint = f"did you mean {close[0]!r}?" if close else f"it looks like `{example}`;"
        raise InputError(
            f"unknown {project} code {code!r}: {hint} A new language is a row of languages.csv"
        )
    return tags[code]
