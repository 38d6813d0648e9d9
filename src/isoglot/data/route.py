"""Of each language the best way to an answer: written in it by a model, or translated by an engine.

As in xLLMs-100 (Lai et al. 2024, arXiv:2406.01771, section 3), which chooses per language by the
quality of translation; its thresholds are not published, so they are stated here. A *way* is who
wrote an answer and who translated it: `model`, or `model via translator`.

Two passes. `measure` and `decide` make the table of ways from the development families; then
`route` takes of each prompt the chosen way's answer.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, inf, isfinite
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from isoglot.core.chrf import chrf
from isoglot.core.errors import InputError
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import (
    Completion,
    Demonstration,
    Dropped,
    FinishReason,
    Prompt,
    content_id,
)
from isoglot.core.section import Section

NO_ROUTE = "no_route"
"""Why the prompts of a language are dropped whose ways all miss a threshold."""


class RouteWeights(Section):
    """What each measure counts in the quality of a way."""

    usable: float = Field(1.0, ge=0)
    """Of the share of answers that would be kept."""
    chrf: float = Field(1.0, ge=0)
    """Of chrF++ against references."""
    reward: float = Field(1.0, ge=0)
    """Of the mean reward, in the units of its scorer."""

    @model_validator(mode="after")
    def _ranks(self) -> Self:
        if not (self.usable or self.chrf or self.reward):
            raise InputError("expected a weight above 0, came none; give one")
        return self


class RouteConfig(Section):
    """By what the way of a language is chosen; `decide` states the formula.

    A rate that is unknown misses no threshold: the table says that it is unknown.
    """

    num_development_families: int = Field(200, ge=1)
    """Families that the ways are measured on, the first by the hash of their id; they stay in the
    data."""
    weights: RouteWeights = RouteWeights()
    reward: str | None = None
    """The reward of `score:` that counts: the name of a scorer, or `total`. Of several samples the
    one with the highest is taken."""
    min_answers: int = Field(1, ge=1)
    """Development answers that a way must have in a language."""
    max_off_target_rate: float = Field(0.1, ge=0, le=1)
    """Answers in another language, of those whose language is known."""
    max_artefact_rate: float = Field(0.2, ge=0, le=1)
    """Translations with a fault (`prompts.artefacts`), of those that came."""
    max_failed_rate: float = Field(0.2, ge=0, le=1)
    """Answers that failed, were cut off or are empty."""
    min_quality: float | None = None
    """Of the weighted mean that ways are ranked by; left out, any passes."""
    without: Literal["drop", "best"] = "drop"
    """What becomes of a language whose ways all miss a threshold: it is left out, or goes by the
    best of them."""


def check_route(config: RouteConfig, method: str | None, scorers: Sequence[str]) -> None:
    """Raise InputError for a method of training that does not learn from demonstrations, or a
    reward that no scorer gives."""
    if method not in (None, "sft"):
        raise InputError(
            f"`route:` makes demonstrations, which train.method sft learns from, came {method!r}; "
            "set it to sft, or leave `route:` out"
        )
    if config.reward is not None and config.reward not in [*scorers, *(["total"] * bool(scorers))]:
        raise InputError(
            f"route.reward: expected total or a scorer of `score:` "
            f"({', '.join(scorers) or 'there is none'}), came {config.reward!r}; correct it"
        )


class Measured(NamedTuple):
    """What one development answer shows; None where that is not known."""

    language: str
    way: str
    reason: str | None
    """Why it would be dropped; None where it would be kept."""
    has_text: bool
    """Whether it came whole."""
    is_off_target: bool | None
    has_artefact: bool | None
    chrf: float | None
    reward: float | None


@dataclass(frozen=True, slots=True)
class Way:
    """A row of the decision table. Rates are 0 to 1; None where nothing is known."""

    language: str
    way: str
    num_answers: int
    num_references: int
    """Answers that chrF is the mean of."""
    num_identified: int
    """Answers whose language could be told."""
    usable: float
    """Share of the answers that would be kept."""
    chrf: float | None
    off_target_rate: float | None
    artefact_rate: float | None
    """None of direct answers, too, which are no translations."""
    failed_rate: float
    reward: float | None
    quality: float | None
    is_chosen: bool = False
    why: str = ""


def development_families(families: Iterable[str], num: int) -> frozenset[str]:
    """The first `num` families by the hash of their ids: the same in whatever order they come."""
    return frozenset(sorted(set(families), key=lambda each: (content_id(each), each))[:num])


def way_of(completion: Completion) -> str:
    """Who wrote an answer and who translated it, also where both are one model."""
    if completion.translator is None:
        return completion.sampler
    return f"{completion.sampler} via {completion.translator}"


def measure(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    identifier: LanguageIdentifier,
    config: RouteConfig,
    families: frozenset[str],
    *,
    is_checked: bool = True,
) -> list[Measured]:
    """What the answers to the development families show.

    The reference of an answer is what the source itself answers in that language, or else the gold
    of a prompt that is no translation: chrF against a text in another language says nothing. The
    source's own answers are their own reference. `is_checked` says whether somebody looked for
    artefacts.
    """
    prompt_of = {(p.family, p.prompt_id): p for p in prompts if p.family in families}
    rows = [row for row in completions if row.family in families]
    found = []
    for row, tag in zip(rows, identifier.identify([row.text for row in rows]), strict=True):
        prompt = prompt_of[row.family, row.prompt_id]
        reference = prompt.completion or (None if prompt.translated_from else prompt.gold)
        reason, has_text = _reason(row, tag), _has_text(row)
        reward = row.rewards.get(config.reward) if config.reward and has_text else None
        found.append(
            Measured(
                language=row.language,
                way=way_of(row),
                reason=reason,
                has_text=has_text,
                is_off_target=tag != row.language if tag and has_text else None,
                has_artefact=row.artefact is not None
                if row.translator and is_checked and has_text
                else None,
                chrf=chrf(row.text, reference) if reference and has_text else None,
                reward=reward if reward is not None and isfinite(reward) else None,
            )
        )
    return found


def _has_text(completion: Completion) -> bool:
    return completion.finish_reason == FinishReason.STOP and bool(completion.text.strip())


def _reason(completion: Completion, tag: str | None) -> str | None:
    """Why an answer is dropped, or None; a language that cannot be told is not wrong."""
    if completion.finish_reason == FinishReason.ERROR:
        return "no_answer" if completion.translator is None else "translation_failed"
    if completion.finish_reason == FinishReason.LENGTH:
        return "cut_off"
    if not completion.text.strip():
        return "empty"
    wrong = "wrong_language" if tag not in (None, completion.language) else None
    return completion.artefact or wrong


def decide(
    measured: Iterable[Measured], languages: Sequence[str], config: RouteConfig
) -> list[Way]:
    """The decision table: every way of every language, of which at most one is chosen.

    A way passes with at least `min_answers`, rates at most `max_failed_rate`, `max_artefact_rate`
    and `max_off_target_rate`, and a quality of at least `min_quality`. Of those that pass the one
    of the highest quality is chosen; at a tie a direct way before a translated one, then by name.

        quality = Σ weight × measure / Σ weight

    over `usable`, `chrf` and `reward`, as far as they are known of every way that passes the rates:
    a mean over what happens to be known would rank ways by what is unknown about them. The order of
    `measured` changes nothing. Raises InputError where no language has a way.
    """
    rows: dict[str, dict[str, list[Measured]]] = {tag: defaultdict(list) for tag in languages}
    for row in measured:
        if row.language in rows:
            rows[row.language][row.way].append(row)
    table: list[Way] = []
    for tag in languages:
        table += _decided([_way(tag, way, rows[tag][way]) for way in sorted(rows[tag])], config)
    if not any(way.is_chosen for way in table):
        missed = [f"{way.language}: {way.way}, {way.why}" for way in table[:3]]
        raise InputError(
            f"expected a way to answers in one language at least, came none "
            f"({'; '.join(missed) or 'the development families have no answers'}); relax the "
            "thresholds of `route:`, or set route.without to best"
        )
    return table


def _way(tag: str, way: str, rows: Sequence[Measured]) -> Way:
    on_target = [row.is_off_target for row in rows if row.is_off_target is not None]
    return Way(
        language=tag,
        way=way,
        num_answers=len(rows),
        num_references=sum(row.chrf is not None for row in rows),
        num_identified=len(on_target),
        usable=sum(row.reason is None for row in rows) / len(rows),
        chrf=_mean(row.chrf for row in rows),
        off_target_rate=_mean(on_target),
        artefact_rate=_mean(row.has_artefact for row in rows),
        failed_rate=sum(not row.has_text for row in rows) / len(rows),
        reward=_mean(row.reward for row in rows),
        quality=None,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known; `fsum` is exact, so their order changes nothing."""
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None


def _decided(ways: Sequence[Way], config: RouteConfig) -> list[Way]:
    """The ways of one language with their qualities, the chosen one, and why the others are not."""
    missed = {each.way: _missed(each, config) for each in ways}
    fine = [each for each in ways if not missed[each.way]] or ways
    weights = {
        name: weight
        for name, weight in config.weights.model_dump().items()
        if weight and all(getattr(each, name) is not None for each in fine)
    }
    ranked = [replace(each, quality=_quality(each, weights)) for each in ways]
    least = config.min_quality
    for each in ranked:
        if each.quality is not None and least is not None and each.quality < least:
            below = f"quality {each.quality:.3g} < {least:g}"
            missed[each.way] = missed[each.way] or below
    passing = [each for each in ranked if not missed[each.way]]
    if not passing and config.without == "best":
        passing = [each for each in ranked if each.way in {way.way for way in fine}]
    best = min(passing, key=_rank, default=None)
    return [
        replace(each, is_chosen=each is best, why=missed[each.way] or _why(each, best))
        for each in ranked
    ]


def _missed(way: Way, config: RouteConfig) -> str:
    """The first threshold that a way misses, or nothing."""
    if way.num_answers < config.min_answers:
        return f"answers {way.num_answers} < {config.min_answers}"
    rates = {
        "failed": (way.failed_rate, config.max_failed_rate),
        "artefacts": (way.artefact_rate, config.max_artefact_rate),
        "off-target": (way.off_target_rate, config.max_off_target_rate),
    }
    for name, (rate, most) in rates.items():
        if rate is not None and rate > most:
            return f"{name} {rate:.3g} > {most:g}"
    return ""


def _quality(way: Way, weights: Mapping[str, float]) -> float | None:
    values = {name: getattr(way, name) for name in weights}
    if not weights or any(value is None for value in values.values()):
        return None
    return fsum(weights[name] * values[name] for name in weights) / fsum(weights.values())


def _rank(way: Way) -> tuple[Any, ...]:
    """The first in this order is chosen; a way of unknown quality comes last."""
    return inf if way.quality is None else -way.quality, " via " in way.way, way.way


def _why(way: Way, best: Way | None) -> str:
    return "best" if way is best else "passes"


def languages_without(table: Sequence[Way], languages: Sequence[str]) -> dict[str, str]:
    """Each language whose ways all miss a threshold, or that has none, and why."""
    passes = {way.language for way in table if way.why == "best"}
    return {
        tag: "; ".join(f"{way.way}: {way.why}" for way in table if way.language == tag)
        or "no answers"
        for tag in languages
        if tag not in passes
    }


def route(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    identifier: LanguageIdentifier,
    config: RouteConfig,
    way_in: Mapping[str, str],
) -> tuple[list[Demonstration], list[Dropped]]:
    """Of each prompt the answer of its language's way (`way_in`: language to way), or why not.

    Of several samples that are fit the first is taken, or the one with the highest reward where
    `config.reward` names one. Kept and dropped together are as many as the prompts.
    """
    found: dict[tuple[str, str], list[Completion]] = defaultdict(list)
    for row in completions:
        if way_of(row) == way_in.get(row.language):
            found[row.family, row.prompt_id].append(row)
    rows = [row for each in found.values() for row in each]
    tags = identifier.identify([row.text for row in rows])
    reasons = {id(row): _reason(row, tag) for row, tag in zip(rows, tags, strict=True)}
    kept: list[Demonstration] = []
    dropped: list[Dropped] = []
    for prompt in prompts:
        samples = sorted(found[prompt.family, prompt.prompt_id], key=lambda row: row.sample)
        fit = [row for row in samples if reasons[id(row)] is None]
        if fit:
            kept.append(_demonstration(prompt, max(fit, key=lambda row: _reward(row, config))))
            continue
        reason = NO_ROUTE if prompt.answer_language not in way_in else "no_answer"
        text = samples[0].text if samples else ""
        dropped.append(_dropped(prompt, reasons[id(samples[0])] if samples else reason, text))
    return kept, dropped


def _reward(completion: Completion, config: RouteConfig) -> float:
    """`max` takes the first of equal ones."""
    reward = completion.rewards.get(config.reward) if config.reward else None
    return reward if reward is not None and isfinite(reward) else -inf


def _demonstration(prompt: Prompt, completion: Completion) -> Demonstration:
    return Demonstration(
        messages=(*prompt.prompt, {"role": "assistant", "content": completion.text.strip()}),
        family=prompt.family,
        prompt_id=prompt.prompt_id,
        language=prompt.language,
        answer_language=prompt.answer_language,
        model=completion.model,
        source=prompt.source,
    )


def _dropped(prompt: Prompt, reason: str | None, text: str) -> Dropped:
    assert reason is not None
    return Dropped(
        prompt.family, prompt.prompt_id, prompt.answer_language, "demonstration", reason, text, ""
    )
