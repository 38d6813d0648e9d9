"""The language table: one row per language in `languages.csv`; BCP-47 is the key everywhere.

Tiers are the resource classes of Joshi et al. 2020 (arXiv:2004.09095, list `lang2tax.txt`): classes
5 and 4 are `high`, 3 is `mid`, 0 to 2 are `low`. A list that names a language once (Chinese,
Norwegian) gives its class to each of its written forms. Scripts are ISO 15924, as FLORES-200 writes
them; own names are written as CLDR writes them in running text.
"""

import csv
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table: a written language and what other projects call it."""

    tag: str
    """BCP-47, the key."""
    flores: str
    """FLORES-200 code, for the edge."""
    english_name: str
    own_name: str
    script: str
    tier: str
    """`high`, `mid` or `low`."""


def _read_table(path: Path) -> dict[str, Language]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["tag"]: Language(**row) for row in csv.DictReader(file)}


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
}
"""What data sets write for a row of the table; the tag stands everywhere behind the edge."""

_TAG_OF_FLORES = {row.flores: row.tag for row in LANGUAGES.values()}
_TAG_OF_NAME = {row.english_name.casefold(): row.tag for row in LANGUAGES.values()}


def language(tag: str) -> Language:
    """The row of a BCP-47 tag or of an alias of one.

    Raises:
        ValueError: no such row; the message names the nearest tag, or all of them.
    """
    row = LANGUAGES.get(ALIASES.get(tag, tag))
    if row is None:
        near = _nearest_tag(tag)
        hint = f"did you mean {near!r}?" if near else f"known tags: {', '.join(LANGUAGES)};"
        raise ValueError(
            f"unknown language {tag!r}: expected a BCP-47 tag; {hint} "
            "A new language is a row of languages.csv"
        )
    return row


def _nearest_tag(tag: str) -> str | None:
    """The tag that was meant by a misspelt tag, a FLORES code or an English name."""
    tags = {**_TAG_OF_FLORES, **_TAG_OF_NAME, **{known.casefold(): known for known in LANGUAGES}}
    tags |= {flores.casefold(): known for flores, known in _TAG_OF_FLORES.items()}
    close = get_close_matches(tag.casefold(), tags, n=1, cutoff=0.7)
    return tags[close[0]] if close else None


def tag_from_flores(code: str) -> str:
    """The BCP-47 tag of a FLORES-200 code such as `swh_Latn`.

    Raises:
        ValueError: no row of the table has this code.
    """
    if code not in _TAG_OF_FLORES:
        close = get_close_matches(code, _TAG_OF_FLORES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "it looks like `swh_Latn`;"
        raise ValueError(
            f"unknown FLORES code {code!r}: {hint} A new language is a row of languages.csv"
        )
    return _TAG_OF_FLORES[code]
