"""Generation routes: in each language, completions written by a model or translated by an engine.

A *route* is the sampler of a completion and its translator: `model`, or `model via translator`. Per
language the best one is chosen, as xLLMs-100 does by the quality of translation (Lai et al. 2024,
arXiv:2406.01771, section 3); its thresholds are not published, so they are settings here.

Two passes: `examine_completions` and `choose_routes` make the table of routes from the development
families; then `route` selects one completion per prompt.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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


class RouteWeights(Section):
    """Weights of the quality of a route."""

    usable: float = Field(1.0, ge=0)
    """Weight of the share of completions that would be kept."""
    chrf: float = Field(1.0, ge=0)
    """Weight of chrF++ against references."""
    reward: float = Field(1.0, ge=0)
    """Weight of the mean reward, in the units of its scorer."""

    @model_validator(mode="after")
    def _any(self) -> Self:
        if not (self.usable or self.chrf or self.reward):
            raise InputError("expected a weight above 0, came none; give one")
        return self


class RouteConfig(Section):
    """Rules by which the route of a language is chosen; `choose_routes` has the formula.

    An unknown rate passes every threshold: the table shows that it is unknown.
    """

    num_development_families: int = Field(200, ge=1)
    """Families that the routes are compared on, the first by the hash of their id; they stay in the
    data."""
    weights: RouteWeights = RouteWeights()
    """Weights of what makes the quality of a route."""
    reward: str | None = None
    """Reward of `score:` that counts: the name of a scorer, or `total`. Of several samples the one
    with the highest is selected."""
    min_answers: int = Field(1, ge=1)
    """Development completions that a route must have in a language."""
    max_off_target_rate: float = Field(0.1, ge=0, le=1)
    """Completions in a wrong language, of those whose language is known."""
    max_artefact_rate: float = Field(0.2, ge=0, le=1)
    """Translations with an artefact (`prompts.artefacts`), of those that did not fail."""
    max_failed_rate: float = Field(0.2, ge=0, le=1)
    """Completions that failed, were cut off or are empty."""
    min_quality: float | None = None
    """Smallest weighted mean, by which routes are ranked; left out, any passes."""
    without: Literal["drop", "best"] = "drop"
    """Fate of a language whose routes all miss a threshold: its prompts are dropped, or take the
    best of the routes."""


def check_route(config: RouteConfig, method: str | None, scorers: Sequence[str]) -> None:
    """Raise InputError for a training method that does not read demonstrations, or a reward that no
    scorer gives."""
    if method not in (None, "sft"):
        raise InputError(
            f"`route:` makes demonstrations: expected train.method sft, came {method!r}; set it to "
            "sft, or leave `route:` out"
        )
    if config.reward is not None and config.reward not in [*scorers, *(["total"] * bool(scorers))]:
        raise InputError(
            f"route.reward: expected total or a scorer of `score:` "
            f"({', '.join(scorers) or 'there is none'}), came {config.reward!r}; correct it"
        )


class Examined(NamedTuple):
    """One development completion as the table counts it; None is unknown."""

    language: str
    route: str
    reason: str | None
    """Reason to drop it; None if it would be kept."""
    has_text: bool
    """False if it failed, was cut off or is empty."""
    is_off_target: bool | None
    has_artefact: bool | None
    chrf: float | None
    reward: float | None


@dataclass(frozen=True, slots=True)
class RouteEstimate:
    """A row of the table of routes. Rates are 0 to 1; None is unknown."""

    language: str
    route: str
    num_answers: int
    num_references: int
    """Completions with a chrF."""
    num_identified: int
    """Completions whose language was identified."""
    usable: float
    """Share of the completions that would be kept."""
    chrf: float | None
    off_target_rate: float | None
    artefact_rate: float | None
    """None also for direct completions, which are no translations."""
    failed_rate: float
    reward: float | None
    quality: float | None
    is_chosen: bool = False
    why: str = ""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of `routes.json`."""
        return cls(**{"route" if key == "way" else key: value for key, value in row.items()})

    def to_row(self) -> dict[str, Any]:
        """Return the row of `routes.json`, which names the route `way`."""
        return {"way" if key == "route" else key: value for key, value in asdict(self).items()}


def development_families(families: Iterable[str], num: int) -> frozenset[str]:
    """Return the first `num` families by the hash of their ids, in whatever order they come."""
    return frozenset(sorted(set(families), key=lambda each: (content_id(each), each))[:num])


def route_of(completion: Completion) -> str:
    """Return `sampler`, or `sampler via translator`, even where both are one model."""
    via = "" if completion.translator is None else f" via {completion.translator}"
    return completion.sampler + via


def examine_completions(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    identifier: LanguageIdentifier,
    config: RouteConfig,
    families: frozenset[str],
    *,
    is_checked: bool = True,
) -> list[Examined]:
    """Examine the completions of the development families.

    The reference of a completion is that of the source in its language, else the gold of a prompt
    that is no translation: chrF against a text in another language means nothing. The source's own
    completions are their own references. `is_checked` says that translations were checked for
    artefacts.
    """
    prompt_of = {(p.family, p.prompt_id): p for p in prompts if p.family in families}
    rows = [row for row in completions if row.family in families]
    examined = []
    for row, tag in zip(rows, identifier.identify([row.text for row in rows]), strict=True):
        prompt = prompt_of[row.family, row.prompt_id]
        reference = prompt.completion or (None if prompt.translated_from else prompt.gold)
        has_text = row.finish_reason == FinishReason.STOP and bool(row.text.strip())
        may_have_artefact = row.translator and is_checked and has_text
        reward = row.rewards.get(config.reward) if config.reward and has_text else None
        examined.append(
            Examined(
                language=row.language,
                route=route_of(row),
                reason=_reason(row, tag),
                has_text=has_text,
                is_off_target=tag != row.language if tag and has_text else None,
                has_artefact=row.artefact is not None if may_have_artefact else None,
                chrf=chrf(row.text, reference) if reference and has_text else None,
                reward=reward if reward is not None and isfinite(reward) else None,
            )
        )
    return examined


def _reason(completion: Completion, tag: str | None) -> str | None:
    """Return why a completion is dropped, or None; an unsure language (no `tag`) is not wrong."""
    if completion.finish_reason == FinishReason.ERROR:
        return "no_answer" if completion.translator is None else "translation_failed"
    if completion.finish_reason == FinishReason.LENGTH:
        return "cut_off"
    if not completion.text.strip():
        return "empty"
    wrong = "wrong_language" if tag not in (None, completion.language) else None
    return completion.artefact or wrong


def choose_routes(
    examined: Iterable[Examined], languages: Sequence[str], config: RouteConfig
) -> list[RouteEstimate]:
    """Estimate every route of every language, and choose at most one per language.

    A route passes with at least `min_answers`, rates at most `max_failed_rate`, `max_artefact_rate`
    and `max_off_target_rate`, and a quality of at least `min_quality`. Of those that pass, the one
    of the highest quality is chosen; at a tie a direct route before a translated one, then by name.

        quality = Σ weight × value / Σ weight

    over those of `usable`, `chrf` and `reward` that are known of every route that passes the rates:
    a mean over the known ones would rank routes by which are unknown. The order of `examined` does
    not matter.

    Raises:
        InputError: no language has a route.
    """
    rows: dict[str, dict[str, list[Examined]]] = {tag: defaultdict(list) for tag in languages}
    for row in examined:
        if row.language in rows:
            rows[row.language][row.route].append(row)
    table: list[RouteEstimate] = []
    for tag in languages:
        estimates = [_estimate(tag, name, rows[tag][name]) for name in sorted(rows[tag])]
        table += _with_choice(estimates, config)
    if not any(each.is_chosen for each in table):
        missed = [f"{each.language}: {each.route}, {each.why}" for each in table[:3]]
        raise InputError(
            f"expected a route in at least one language, came none "
            f"({'; '.join(missed) or 'the development families have no answers'}); relax the "
            "thresholds of `route:`, or set route.without to best"
        )
    return table


def _estimate(tag: str, name: str, rows: Sequence[Examined]) -> RouteEstimate:
    off_target = [row.is_off_target for row in rows if row.is_off_target is not None]
    return RouteEstimate(
        language=tag,
        route=name,
        num_answers=len(rows),
        num_references=sum(row.chrf is not None for row in rows),
        num_identified=len(off_target),
        usable=sum(row.reason is None for row in rows) / len(rows),
        chrf=_mean(row.chrf for row in rows),
        off_target_rate=_mean(off_target),
        artefact_rate=_mean(row.has_artefact for row in rows),
        failed_rate=sum(not row.has_text for row in rows) / len(rows),
        reward=_mean(row.reward for row in rows),
        quality=None,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the known values; `fsum` is exact, so their order does not matter."""
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None


def _with_choice(estimates: Sequence[RouteEstimate], config: RouteConfig) -> list[RouteEstimate]:
    """Return the routes of one language with qualities, the choice, and the reasons against."""
    missed = {each.route: _missed_threshold(each, config) for each in estimates}
    fine = {each.route: each for each in estimates if not missed[each.route]}
    fine = fine or {each.route: each for each in estimates}
    weights = {
        name: weight
        for name, weight in config.weights.model_dump().items()
        if weight and all(getattr(each, name) is not None for each in fine.values())
    }

    def quality(estimate: RouteEstimate) -> float | None:
        values = {name: getattr(estimate, name) for name in weights}
        if not weights or None in values.values():
            return None
        return fsum(weights[name] * values[name] for name in weights) / fsum(weights.values())

    ranked = [replace(each, quality=quality(each)) for each in estimates]
    least = -inf if config.min_quality is None else config.min_quality
    for each in ranked:
        if each.quality is not None and each.quality < least:
            missed[each.route] = missed[each.route] or f"quality {each.quality:.3g} < {least:g}"
    passing = [each for each in ranked if not missed[each.route]]
    if not passing and config.without == "best":
        passing = [each for each in ranked if each.route in fine]
    best = min(
        passing,  # an unknown quality comes last
        key=lambda e: (inf if e.quality is None else -e.quality, " via " in e.route, e.route),
        default=None,
    )
    return [
        replace(
            each, is_chosen=is_best, why=missed[each.route] or ("best" if is_best else "passes")
        )
        for each in ranked
        for is_best in [each is best]
    ]


def _missed_threshold(estimate: RouteEstimate, config: RouteConfig) -> str:
    """Return the first threshold that a route misses, or an empty text."""
    if estimate.num_answers < config.min_answers:
        return f"answers {estimate.num_answers} < {config.min_answers}"
    for name, rate, most in (
        ("failed", estimate.failed_rate, config.max_failed_rate),
        ("artefacts", estimate.artefact_rate, config.max_artefact_rate),
        ("off-target", estimate.off_target_rate, config.max_off_target_rate),
    ):
        if rate is not None and rate > most:
            return f"{name} {rate:.3g} > {most:g}"
    return ""


def languages_without(table: Sequence[RouteEstimate], languages: Sequence[str]) -> dict[str, str]:
    """Return each language whose routes all miss a threshold, or that has none, and why."""
    passes = {each.language for each in table if each.why == "best"}
    return {
        tag: "; ".join(f"{each.route}: {each.why}" for each in table if each.language == tag)
        or "no answers"
        for tag in languages
        if tag not in passes
    }


def route(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    identifier: LanguageIdentifier,
    config: RouteConfig,
    route_in: Mapping[str, str],
) -> tuple[list[Demonstration], list[Dropped]]:
    """Select one completion per prompt by the route chosen for its language, or the reason why not.

    `route_in` maps languages to routes. Of several samples that are fit, the first is selected, or
    the one with the highest reward where `config.reward` names one. Kept and dropped rows together
    are as many as the prompts.
    """
    found: dict[tuple[str, str], list[Completion]] = defaultdict(list)
    for row in completions:
        if route_of(row) == route_in.get(row.language):
            found[row.family, row.prompt_id].append(row)
    rows = [row for each in found.values() for row in each]
    tags = identifier.identify([row.text for row in rows])
    reasons = {id(row): _reason(row, tag) for row, tag in zip(rows, tags, strict=True)}

    def reward(row: Completion) -> float:
        value = row.rewards.get(config.reward) if config.reward else None
        return value if value is not None and isfinite(value) else -inf

    kept: list[Demonstration] = []
    dropped: list[Dropped] = []
    for prompt in prompts:
        key, tag = (prompt.family, prompt.prompt_id), prompt.answer_language
        samples = sorted(found[key], key=lambda row: row.sample)
        fit = [row for row in samples if reasons[id(row)] is None]
        if fit:
            best = max(fit, key=reward)  # the first of equal ones
            turn = {"role": "assistant", "content": best.text.strip()}
            columns = (prompt.language, tag, best.model, prompt.source)
            kept.append(Demonstration((*prompt.prompt, turn), *key, *columns, best.thought))
            continue
        reason: str | None = "no_answer" if tag in route_in else "no_route"
        text = ""
        if samples:
            reason, text = reasons[id(samples[0])], samples[0].text
        assert reason is not None
        dropped.append(Dropped(*key, tag, "demonstration", reason, text, ""))
    return kept, dropped
