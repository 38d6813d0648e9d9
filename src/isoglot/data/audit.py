"""How often does each sampler answer in another language than the one asked for?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Completion, FinishReason
from isoglot.core.stats import interval_mean


@dataclass(frozen=True, slots=True)
class OffTargetRate:
    """Share of answers in another language than asked, 0 to 1, with its 95 % interval."""

    sampler: str
    language: str
    """The language that was asked for."""
    value: float | None
    """None where no answer could be identified; then `low` and `high` are None, too."""
    low: float | None
    high: float | None
    n: int
    """Answers whose language was identified."""
    unknown: int
    """Failed answers and those whose language is unsure: kept out of `n` and `value`."""


def off_target_rates(
    completions: Sequence[Completion],
    identifier: LanguageIdentifier,
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> list[OffTargetRate]:
    """One row for each sampler and language, in their order; translations are rows of their own.

    Answers that were cut off count: half an answer has a language. The interval is a bootstrap over
    families.
    """
    ordered = sorted(completions, key=lambda c: (c.model, c.language, c.family, c.completion_id))
    identified = identifier.identify([c.text for c in ordered])
    groups: dict[tuple[str, str], list[tuple[str, float | None]]] = defaultdict(list)
    for completion, tag in zip(ordered, identified, strict=True):
        unsure = tag is None or completion.finish_reason == FinishReason.ERROR
        groups[completion.model, completion.language].append(
            (completion.family, None if unsure else float(tag != completion.language))
        )
    rows = []
    for (sampler, tag), answers in groups.items():
        known = [(family, value) for family, value in answers if value is not None]
        unknown = len(answers) - len(known)
        if not known:
            rows.append(OffTargetRate(sampler, tag, None, None, None, 0, unknown))
            continue
        families, values = [family for family, _ in known], [value for _, value in known]
        low, high = interval_mean(values, families, seed=seed, resamples=resamples)
        mean = sum(values) / len(values)
        rows.append(OffTargetRate(sampler, tag, mean, low, high, len(values), unknown))
    return rows
