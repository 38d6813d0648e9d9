"""Sets of languages by name, for recipes and commands.

`lidr-5` and `aya-23` are published. The lists of 100 and of 30 languages of xLLMs-100
(arXiv:2406.01771) could not be found, so these follow rules:

* `xllms-100`: rows that a translator knows (FLORES-200, which NLLB was made for), in their usual
  script (Chinese in both), for which CLDR has weekdays and over a hundred names of languages and of
  countries; ordered by tier, then by speakers (order of magnitude), then by names in CLDR. A test
  derives the list again from these.
* `feedback-30`: of those, in turn one of the tiers high and mid and one of low, each time the first
  of the script, then of the family, that is furthest below its share: seats by D'Hondt, for the
  square roots of their sizes. `feedback-10` and `feedback-20` are its beginnings.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BeforeValidator

from isoglot.core.errors import InputError
from isoglot.core.languages import LANGUAGES, Language, language

_XLLMS_100 = """
    en zh-Hant zh-Hans fr ja ru es ar hi pt tr pl sv cs it nl de vi ko hu fa fi ca hr sr eu id
    bn ur th uk el ta ro ms kk tl uz et lt da sk he lv bs sl bg ka be gl af sw pa yue nb ne ml
    gu te kn mr az or am ti my ku ig si zu as km sd ps ha jv yo mai ckb xh ak wo om mk nn lo hy
    ug ga sc sq ky mn eo so tk sat ks qu kab
"""
_AYA_23 = "ar cs de el en es fa fr he hi id it ja ko nl pl pt ro ru tr uk vi zh-Hans"


def _spread(tags: Sequence[str], num: int) -> tuple[str, ...]:
    """Select tags in turn from the richer tiers and from the low one, each in order of seats."""
    rows = [LANGUAGES[tag] for tag in tags]
    low = [row for row in rows if row.tier == "low"]
    sides = [_seats([row for row in rows if row.tier != "low"]), _seats(low)]
    return tuple(next(sides[turn % 2]).tag for turn in range(num))


def _seats(rows: list[Language]) -> Iterator[Language]:
    """Yield each time the first row of the script, then of the family, furthest below its share."""
    sizes = Counter(group for row in rows for group in (row.script, row.family))
    taken: Counter[str] = Counter()
    left = list(rows)

    def load(row: Language) -> list[float]:
        return [(taken[group] + 1) / sizes[group] ** 0.5 for group in (row.script, row.family)]

    while left:
        row = min(left, key=load)
        left.remove(row)
        taken.update((row.script, row.family))
        yield row


_FEEDBACK = _spread(_XLLMS_100.split(), 30)

SETS: Mapping[str, tuple[str, ...]] = {
    "lidr-5": ("en", "es", "ru", "de", "fr"),
    "aya-23": tuple(_AYA_23.split()),
    "xllms-100": tuple(_XLLMS_100.split()),
    **{f"feedback-{num}": _FEEDBACK[:num] for num in (10, 20, 30)},
}
"""Name to tags."""

ABOUT: Mapping[str, str] = {
    "lidr-5": "the loop of LIDR (arXiv:2410.08964)",
    "aya-23": "those of Aya 23 (arXiv:2407.02552)",
    "xllms-100": "translatable, in CLDR, by tier and speakers (for arXiv:2406.01771)",
    "feedback-10": "the first ten of feedback-30",
    "feedback-20": "the first twenty of feedback-30",
    "feedback-30": "of xllms-100, half low-resource, over scripts and families",
}
"""Name to a description in a few words."""


def expand(names: Iterable[str]) -> tuple[str, ...]:
    """List the tags of languages and of sets, each once; `-NAME` removes what came before it.

    Raises:
        InputError: no such language or set, with a did-you-mean; a tag given twice; a `-NAME` that
            removes nothing, or everything.
    """
    found: dict[str, None] = {}
    by_hand: set[str] = set()
    for name in names:
        tags = _tags(name.removeprefix("-"))
        if name.startswith("-"):
            if not any(tag in found for tag in tags):
                raise InputError(
                    f"{name!r} takes nothing away: none of it came before; put it after what it "
                    "takes from, as in [xllms-100, -feedback-30]"
                )
            found = {tag: None for tag in found if tag not in tags}
            if not found:
                raise InputError(f"{name!r} leaves no language; take it out")
            continue
        if name not in SETS:
            if tags[0] in by_hand:
                raise InputError(f"{tags[0]!r} stands there twice; leave one out")
            by_hand |= set(tags)
        found |= dict.fromkeys(tags)
    return tuple(found)


def _tags(name: str) -> tuple[str, ...]:
    if name in SETS:
        return SETS[name]
    try:
        return (language(name).tag,)
    except InputError:
        if close := get_close_matches(name, SETS, n=1):
            hint = f"did you mean {close[0]!r}? `isoglot languages --sets` lists them"
            raise InputError(f"unknown set of languages {name!r}; {hint}") from None
        raise


def expanded(value: Any) -> Any:
    """Expand a value of a recipe, one name or several; anything else is returned as it came."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        return value
    return expand(listed)


Tags = Annotated[tuple[str, ...], BeforeValidator(expanded)]
"""A key of a recipe that takes one or several tags and names of sets, and holds the tags."""
