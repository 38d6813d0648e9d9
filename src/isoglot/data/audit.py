"""Rates at which samplers answer in another language than the prompt wants, or mix one in."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from isoglot.core.answer_language import AnswerLanguage, accounts_of, thought_languages
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Completion, FinishReason
from isoglot.core.stats import rate_of_kinds


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


class _Group:
    """The answers of one model to the prompts in one language."""

    def __init__(self) -> None:
        self.kinds: Counter[tuple[float, float]] = Counter()
        """Families by their answers in a wrong language, and of a known one."""
        self.num = 0
        self.mixed: Counter[bool] = Counter()
        self.off_target_thoughts: Counter[bool] = Counter()


class OffTargetCounter:
    """Counts answers in another language, some whole families at a time.

    Of a family it keeps no more than how many there are like it, so that its memory does not grow
    with the number of answers.
    """

    def __init__(self, identifier: LanguageIdentifier) -> None:
        self._identifier = identifier
        self._groups: dict[tuple[str, str], _Group] = defaultdict(_Group)

    def add(self, completions: Sequence[Completion]) -> None:
        """Count the answers of families, of each of which all are given at once.

        Completions that were cut off count: half an answer has a language.
        """
        texts, wanted = [c.text for c in completions], [c.language for c in completions]
        identified = self._identifier.identify(texts)
        accounts = accounts_of(identified, self._identifier, texts, wanted)
        thoughts = thought_languages(self._identifier.identify, completions)
        found: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
        rows = zip(completions, identified, accounts, thoughts, strict=True)
        for completion, tag, account, thought in rows:
            key, failed = (completion.model, completion.language), _has_failed(completion)
            group = self._groups[key]
            group.num += 1
            if tag is not None and not failed:
                found[*key, completion.family].append(tag != completion.language)
            if not failed and account != AnswerLanguage.UNKNOWN:
                group.mixed[account == AnswerLanguage.MIXED] += 1
            if thought is not None:
                group.off_target_thoughts[thought != completion.language] += 1
        for (model, language, _), flags in found.items():
            self._groups[model, language].kinds[float(sum(flags)), float(len(flags))] += 1

    def rates(self, *, seed: int = 0, resamples: int = 1000) -> list[OffTargetRate]:
        """Return one row for each model and language, sorted; translations have rows of their own.

        The interval is a bootstrap over families.
        """
        rows = []
        for (model, language), group in sorted(self._groups.items()):
            mean = low = high = None
            if group.kinds:
                mean, low, high = rate_of_kinds(group.kinds, seed=seed, resamples=resamples)
            num_known = int(sum(known * times for (_, known), times in group.kinds.items()))
            thoughts = group.off_target_thoughts
            rows.append(
                OffTargetRate(
                    *(model, language, mean, low, high, num_known, group.num - num_known),
                    *(_share(group.mixed), _share(thoughts), thoughts.total()),
                )
            )
        return rows


def _share(flags: Counter[bool]) -> float | None:
    return flags[True] / flags.total() if flags else None


def _has_failed(completion: Completion) -> bool:
    return completion.finish_reason == FinishReason.ERROR
