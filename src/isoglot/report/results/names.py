"""Names that readers see: languages, tiers, metrics, groups of languages, models."""

import re
import unicodedata
from collections.abc import Sequence

from isoglot.core.failures import Failures, num_passing, reasons
from isoglot.core.languages import ALIASES, LANGUAGES

IN_LANGUAGE = "lc_"
"""Prefix of the metric of answers right and in the requested language."""

TIERS = ("high", "mid", "low", "")
"""Resource tiers in order; the last is that of a language without a row in the table."""

GROUP_NAMES = {
    "mean": "Mean",
    "tier:high": "High-resource mean",
    "tier:mid": "Mid-resource mean",
    "tier:low": "Low-resource mean",
    "worst": "Worst language",
    "democratisation": "Democratisation",
}
"""Names of groups of languages, in order; democratisation is the mean over the best language."""

_METRIC_NAMES = {
    "bleu": "BLEU",
    "spbleu": "spBLEU",
    "chrf": "chrF",
    "chrf++": "chrF++",
    "lc_accuracy": "LC&Acc",
    "mixed_rate": "Mixed answers",
    "off_target_rate": "Off-target rate",
    "thought_off_target_rate": "Off-target rate of thoughts",
    "win_rate": "Win-rate",
    "discrete_win_rate": "Discrete win-rate",
    "length_controlled_win_rate": "Length-controlled win-rate",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougel": "ROUGE-L",
    "rouge_l": "ROUGE-L",
}


def language_name(tag: str) -> str:
    """English name of a language; the tag itself where the table has no such row."""
    language = LANGUAGES.get(tag)
    return language.english_name if language else tag


def own_name(tag: str) -> str:
    """A language's name in itself; empty where the table has no such row."""
    language = LANGUAGES.get(tag)
    return language.own_name if language else ""


def text_direction(tag: str) -> str:
    """The direction of texts in a language, as HTML's `dir` has it: that of its own name's letters.

    `auto` where the table has no such row: the first letter decides.
    """
    name = own_name(tag)
    is_from_right = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in name)
    return ("rtl" if is_from_right else "ltr") if name else "auto"


def tier(tag: str) -> str:
    """The resource tier of a language; empty where the table has no such row."""
    row = LANGUAGES.get(ALIASES.get(tag, tag))
    return row.tier if row else ""


def tier_name(tier: str) -> str:
    """`high-resource`, as legends show it."""
    return f"{tier}-resource" if tier else "tier unknown"


def metric_name(metric: str) -> str:
    """The name of a metric as titles show it."""
    if own := _METRIC_NAMES.get(metric.lower()):
        return own
    if metric.startswith(IN_LANGUAGE):
        return f"LC&{metric_name(metric.removeprefix(IN_LANGUAGE))}"
    return metric.replace("_", " ").capitalize()


def in_sentence(name: str) -> str:
    """A title within a sentence: lower case, except for an acronym."""
    return name if name[1:2].isupper() or name[:1].islower() else name[:1].lower() + name[1:]


def failures_sentence(failures: Failures) -> str:
    """`gpt@api gave no answer to 12 requests (time-out 9, HTTP 503 3); …`, with the way out."""
    named = "; ".join(
        f"{model} gave no answer to {count_of(sum(counts.values()), 'request')} ({reasons(counts)})"
        for model, counts in failures.items()
    )
    return f"{named}; the same command asks again" if num_passing(failures) else named


def count_of(count: int, noun: str) -> str:
    """`1 language`, `3 languages`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shortened(name: str, limit: int = 24) -> str:
    """A name cut to so many characters."""
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def column_names(models: Sequence[str]) -> list[str]:
    """Names for the heads of columns: without revisions where they still differ, and cut."""
    return list(map(shortened, without_revisions(models)))


def without_revisions(models: Sequence[str]) -> list[str]:
    """`model` for `model@revision`, where the names still differ."""
    short = [re.sub(r"@\S+", "", model) for model in models]
    return short if len(set(short)) == len(models) else list(models)
