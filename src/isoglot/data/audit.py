"""Rates at which samplers answer in another language than the prompt wants, or mix one in."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from isoglot.core.answer_language import AnswerLanguage, accounts_of, thought_languages
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Completion, FinishReason
from isoglot.core.stats import interval_mean


@dataclass(frozen=True, slots=True)
class OffTargetRate:
    """Share of completions in a wrong language, 0 to 1, with its 95 % interval."""

    sampler: str
    language: str
    """The language that the prompts want."""
    value: float | None
    """None where no language could be identified; then `low` and `high` are None, too."""
    low: float | None
    high: float | None
    n: int
    """Completions whose language was identified."""
    unknown: int
    """Failed completions and those of unsure language: kept out of `n` and `value`."""
    mixed: float | None
    """Share of the completions, 0 to 1, that are not wrong as a whole but hold letters of another
    language; of those that are right, wrong or mixed. None without any."""
    thought_off_target_rate: float | None
    """Share of the thoughts in a wrong language, of those identified; None without any."""
    num_thoughts: int
    """Thoughts whose language was identified."""


def off_target_rates(
    completions: Sequence[Completion],
    identifier: LanguageIdentifier,
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> list[OffTargetRate]:
    """Return one row for each sampler and language, sorted; translations have rows of their own.

    Completions that were cut off count: half an answer has a language. The interval is a bootstrap
    over families.
    """
    ordered = sorted(completions, key=lambda c: (c.model, c.language, c.family, c.completion_id))
    texts, wanted = [c.text for c in ordered], [c.language for c in ordered]
    identified = identifier.identify(texts)
    accounts = accounts_of(identified, identifier, texts, wanted)
    thoughts = _thoughts_off_target(ordered, identifier)
    groups: dict[tuple[str, str], list[tuple[str, float | None]]] = defaultdict(list)
    mixed: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for completion, tag, account in zip(ordered, identified, accounts, strict=True):
        key, failed = (completion.model, completion.language), _has_failed(completion)
        unsure = tag is None or failed
        value = None if unsure else float(tag != completion.language)
        groups[key].append((completion.family, value))
        if not failed and account != AnswerLanguage.UNKNOWN:
            mixed[key].append(account == AnswerLanguage.MIXED)
    rows = []
    for (sampler, tag), group in groups.items():
        known = [(family, value) for family, value in group if value is not None]
        in_several = mixed[sampler, tag]
        mean = low = high = None
        if known:
            families, values = [family for family, _ in known], [value for _, value in known]
            low, high = interval_mean(
                values, families, seed=seed, resamples=resamples, is_rate=True
            )
            mean = sum(values) / len(values)
        unknown = len(group) - len(known)
        off_target = thoughts[sampler, tag]
        rows.append(
            OffTargetRate(
                *(sampler, tag, mean, low, high, len(known), unknown, _share(in_several)),
                *(_share(off_target), len(off_target)),
            )
        )
    return rows


def _thoughts_off_target(
    completions: Sequence[Completion], identifier: LanguageIdentifier
) -> dict[tuple[str, str], list[bool]]:
    """Return by model and language which of the thoughts that are identified are off target."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    tags = thought_languages(identifier.identify, completions)
    for row, tag in zip(completions, tags, strict=True):
        if tag is not None:
            found[row.model, row.language].append(tag != row.language)
    return found


def _share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None


def _has_failed(completion: Completion) -> bool:
    return completion.finish_reason == FinishReason.ERROR
