"""Prompts in one language that want an answer in another.

xLLMs-100 makes its feedback with them (arXiv:2406.01771, section 3.2): the instruction in A, the
answer in B. Each family's A and B are drawn from its id, so that no shard depends on another.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import (
    Message,
    Prompt,
    content_id,
    content_unit,
    prompts_by_language,
)
from isoglot.core.section import Section

_Tier = Literal["high", "mid", "low"]

SAME = "same"
"""Name of the direction of prompts that want an answer in their own language."""

DIRECTIONS = ("high→high", "high→low", "low→high", "low→low")
"""Resources of the prompt's language → resources of the answer's."""

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_NAMES = ("language", "english_name", "own_name")
_CLDR_OF_TAG = {"tl": "fil", "fuv": "ff", "prs": "fa_AF", "azb": "az_Arab"}


class CrossLingualConfig(Section):
    """Pairs of languages of prompt and answer, and the words that request the answer's."""

    pairs_per_family: int = Field(4, ge=1)
    """Prompts of each family: pairs of the prompt's language and the answer's, no pair twice."""
    same_language: float = Field(0.2, ge=0, le=1)
    """Share of the prompts that want an answer in their own language."""
    directions: Mapping[str, float] = Field(default_factory=lambda: dict.fromkeys(DIRECTIONS, 1.0))
    """Weights of `high→high`, `high→low`, `low→high` and `low→low` among the others; a list gives
    each of its directions the same weight. `->` is read as `→`."""
    high: tuple[_Tier, ...] = ("high", "mid")
    """Resource tiers that count as high."""
    ask: str | None = None
    """Request for the answer's language, for prompts in every language: `{language}` is its name in
    the language of the prompt, `{english_name}`, `{own_name}`. With `{prompt}`, the text of the
    last user turn is put there; without, the request follows it after a blank line. Left out, a
    sentence in the language of the prompt (`data/cross_lingual.toml`)."""
    ask_same_language: bool = False
    """Request the answer's language also where it is the prompt's own."""

    @field_validator("directions", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        weights = dict.fromkeys(value, 1.0) if isinstance(value, list | tuple) else value
        if not isinstance(weights, Mapping):
            return value
        weights = {str(name).replace("->", "→"): weight for name, weight in weights.items()}
        if odd := [name for name in weights if name not in DIRECTIONS]:
            raise InputError(
                f"unknown direction {odd[0]!r}; expected some of {', '.join(DIRECTIONS)}"
            )
        return weights

    @field_validator("directions")
    @classmethod
    def _positive(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        if not weights or min(weights.values()) < 0 or not sum(weights.values()):
            raise InputError(
                "expected weights of 0 or more, at least one of them above 0, came "
                f"{dict(weights)}; set `same_language: 1` for prompts of one language alone"
            )
        return weights

    @field_validator("ask")
    @classmethod
    def _names_the_language(cls, ask: str | None) -> str | None:
        if ask is None:
            return None
        known = ("prompt", *_NAMES)
        found = _PLACEHOLDER.findall(ask)
        if odd := [name for name in found if name not in known]:
            raise InputError(
                f"unknown placeholder {{{odd[0]}}}; expected {', '.join(f'{{{k}}}' for k in known)}"
            )
        if not set(_NAMES) & set(found):
            raise InputError(
                f"{ask!r} names no language; put {{language}}, {{english_name}} or {{own_name}} in"
            )
        return ask

    @property
    def shares(self) -> dict[str, float]:
        """The share of the prompts of each direction, `same` among them."""
        total = sum(self.directions.values())
        across = {d: (1 - self.same_language) * w / total for d, w in self.directions.items() if w}
        shares = {**across, SAME: self.same_language}
        return {name: share for name, share in shares.items() if share}

    def direction(self, language: str, answer_language: str) -> str:
        """Return the direction from a prompt's language to its answer's, possibly `same`."""
        if language == answer_language:
            return SAME
        return f"{_level(language, self.high)}→{_level(answer_language, self.high)}"


def check_cross_lingual(config: CrossLingualConfig, languages: Sequence[str]) -> None:
    """Raise InputError where a direction has too few pairs of languages, or a language no request
    sentence."""
    tags = tuple(languages)
    pairs = _pairs(tags, tags, config.high)
    for direction, share in config.shares.items():
        num = -int(-(share * config.pairs_per_family) // 1)
        if len(pairs[direction]) < num:
            what = "language" if len(tags) == 1 else "languages"
            raise InputError(
                f"cross_lingual: direction {direction} has {len(pairs[direction])} pairs among "
                f"{len(tags)} {what}, expected at least {num} for {config.pairs_per_family} "
                "pairs_per_family; add languages, lower it, or leave the direction out of "
                "`directions`"
            )
    lacking = [tag for tag in tags if config.ask is None and tag not in _request_sentences()]
    if lacking and (config.ask_same_language or set(config.shares) != {SAME}):
        raise InputError(
            f"cross_lingual: no sentence in {lacking[0]!r} requests another language; set `ask:`, "
            f"such as '{{prompt}} [{{own_name}}]', or leave out {', '.join(lacking)}"
        )


def cross_lingual(
    prompts: Sequence[Prompt], config: CrossLingualConfig, *, languages: Sequence[str], seed: int
) -> list[Prompt]:
    """Return `pairs_per_family` prompts of each family, most of them across languages.

    The prompt from A to B is A's own, with the request after its last user turn; its gold is that
    of the family's own prompt in B, None where there is none. Within a family each direction has
    its share, rounded up or down; over many it has exactly its share, and so has each pair of
    languages of a direction, up to the square root of the number of families. In a family that
    lacks languages, the prompts are in those it has, and the share of a direction without a pair
    goes to the others.

    Raises:
        InputError: prompts that are across languages already, or two of one language.
    """
    if across := [prompt for prompt in prompts if prompt.answer_language != prompt.language]:
        raise InputError(
            f"cross_lingual: prompt {across[0].prompt_id} in {across[0].language!r} asks for an "
            f"answer in {across[0].answer_language!r} already; leave out `columns.answer_language`"
        )
    made = []
    for family, own in prompts_by_language(prompts).items():
        present = tuple(tag for tag in languages if tag in own)
        for tag, answer in plan_pairs(config, family, present, tuple(languages), seed):
            made.append(_across(own[tag], answer, own.get(answer), config))
    return made


def plan_pairs(
    config: CrossLingualConfig,
    family: str,
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    seed: int,
) -> list[tuple[str, str]]:
    """Draw the languages of prompt and answer for a family: a function of its id and the seed."""
    pairs = _pairs(sources, targets, config.high)
    shares = {name: share for name, share in config.shares.items() if pairs[name]}
    total, place, end = sum(shares.values()), content_unit(str(seed), family), 0.0
    found: list[tuple[str, str]] = []
    for name, share in shares.items():
        # Systematic sampling: one prompt each at `place`, `place + 1`, …
        end += share / total * config.pairs_per_family
        num = 0
        while place < end:
            place, num = place + 1, num + 1
        left = list(pairs[name])
        for index in range(min(num, len(left))):
            unit = content_unit(str(seed), family, name, str(index))
            found.append(left.pop(int(unit * len(left))))
    return found


@lru_cache(maxsize=1024)
def _pairs(
    sources: tuple[str, ...], targets: tuple[str, ...], high: tuple[_Tier, ...]
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return the pairs of languages of each direction."""
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in (*DIRECTIONS, SAME)}
    level = {tag: _level(tag, high) for tag in (*sources, *targets)}
    for source in sources:
        found[SAME].append((source, source))
        for target in targets:
            if source != target:
                found[f"{level[source]}→{level[target]}"].append((source, target))
    return found


def _level(tag: str, high: tuple[_Tier, ...]) -> str:
    return "high" if language(tag).tier in high else "low"


def _across(
    prompt: Prompt, answer: str, other: Prompt | None, config: CrossLingualConfig
) -> Prompt:
    """Return the prompt with a request for language `answer`, and the gold of `other`."""
    if answer == prompt.language and not config.ask_same_language:
        return prompt
    last = max(i for i, turn in enumerate(prompt.prompt) if turn["role"] == "user")
    text = prompt.prompt[last]["content"]
    request = config.ask or _request_sentences()[prompt.language]
    words = {
        "prompt": text,
        "language": name_in(answer, prompt.language),
        "english_name": language(answer).english_name,
        "own_name": language(answer).own_name,
    }
    # One pass, so that braces in the prompt stay as they are.
    filled = _PLACEHOLDER.sub(lambda found: words[found.group(1)], request)
    text = filled if "{prompt}" in request else f"{text}\n\n{filled}"
    turn: Message = {"role": "user", "content": text}
    return replace(
        prompt,
        prompt=(*prompt.prompt[:last], turn, *prompt.prompt[last + 1 :]),
        prompt_id=content_id(prompt.prompt_id, answer, text),
        answer_language=answer,
        gold=other.gold if other else None,
        completion=other.completion if other else None,
    )


@cache
def name_in(tag: str, locale: str) -> str:
    """Return the name of a language in another one (CLDR), else its own name."""
    from babel import Locale, localedata

    code, where = (_CLDR_OF_TAG.get(each, each).replace("-", "_") for each in (tag, locale))
    # Babel reads `bn_Latn` as `bn`, whose names are in another script than the prompt.
    names = Locale.parse(where).languages if localedata.exists(where) else {}
    return names.get(code) or language(tag).own_name


@cache
def _request_sentences() -> Mapping[str, str]:
    path = Path(__file__).with_name("cross_lingual.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
