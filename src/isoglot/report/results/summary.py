"""`summary.json`: the results of a whole run, round by round.

Round t has the results of policy M_t and the data that trained M_{t+1}.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

from pydantic import ConfigDict

from isoglot.core.documents import Document
from isoglot.core.failures import Failures
from isoglot.report.results.rows import HasFields, Interval, Known, ResultPart, ResultRow

SUMMARY_FILE = "summary.json"


class TranslationCounts(ResultPart):
    """Translated prompts or answers in one language, kept and lost."""

    what: str
    """`prompts` or `answers`."""
    language: str
    kept: int
    lost: Mapping[str, int]
    """Reason → number."""
    log_probability: Known = None
    """The translator's own, mean of a token over what was kept."""


class Fates(ResultPart):
    """Numbers of rows kept, and of rows dropped for each reason."""

    kept: int
    dropped: Mapping[str, int] = {}


class OverlapRow(ResultPart):
    """The overlap of a language's demonstrations with an evaluation task."""

    task: str
    language: str
    rows: int
    contaminated: int
    rate: Known
    items: int
    found_items: int
    unknown_items: int
    """Items that are too short to be found."""


class CleaningCounts(ResultPart):
    """Demonstrations kept and dropped by cleaning."""

    empty_languages: Sequence[str] = ()
    """Languages without a demonstration left."""
    by_language: Mapping[str, Fates]
    contamination: Sequence[OverlapRow] = ()


class CountsByLanguage(Fates):
    """Rows kept and dropped, in all languages and in each."""

    by_language: Mapping[str, Fates]


class PassCounts(CountsByLanguage):
    """Prompts that a pass over them kept, and dropped for a fault."""

    name: str
    """The kind of the pass, after its place."""
    with_gold: Mapping[str, int] | None = None
    """Kept prompts with a gold by language, of a pass that makes it again."""


class RewardAccuracyRow(ResultPart):
    """Share of pairs whose chosen answer an oracle prefers, of those that differ in grade."""

    value: Known
    low: Known = None
    high: Known = None
    n: int | None = None
    ties: int | None = None
    unknown: int | None = None

    @classmethod
    def of(cls, row: HasFields) -> Self:
        """A row from a dataclass with the same fields, and a language."""
        return cls.model_validate({k: v for k, v in asdict(row).items() if k != "language"})

    @property
    def interval(self) -> Interval:
        return Interval(self.value, self.low, self.high, n=self.n, unknown=self.unknown)


class Lengths(ResultPart):
    """Characters of texts: their mean, and the 11 bounds of their tenths."""

    mean: Known
    deciles: Sequence[float]


class LanguagePairs(Fates):
    """The preference pairs of one language."""

    reward_accuracy: RewardAccuracyRow | None = None
    chosen_chars: Lengths | None = None
    rejected_chars: Lengths | None = None


class PairCounts(Fates):
    """The preference pairs of a round."""

    pair_types: Mapping[str, int] = {}
    reward_accuracy: RewardAccuracyRow | None = None
    by_language: Mapping[str, LanguagePairs]

    @property
    def types(self) -> str:
        """`310 best_vs_worst, 95 wrong_language`."""
        return ", ".join(f"{num} {kind}" for kind, num in self.pair_types.items())


class RouteRow(ResultPart):
    """Measurements of one generation route in one language, and the decision."""

    language: str
    way: str
    num_answers: int
    num_references: int = 0
    num_identified: int = 0
    usable: Known
    chrf: Known
    off_target_rate: Known
    artefact_rate: Known
    failed_rate: Known
    reward: Known = None
    quality: Known = None
    is_chosen: bool
    why: str


class RouteTable(ResultPart):
    """The decision table of generation routes: `routes.json`."""

    model_config = ConfigDict(extra="ignore")

    num_families: int = 0
    """Development families that the ways were measured on."""
    ways: Sequence[RouteRow] = ()
    without: Mapping[str, str] = {}
    """Language without a way that passes → why."""


class DemonstrationCounts(RouteTable):
    """The decision table of a round's routes, and what became of its prompts."""

    model_config = ConfigDict(extra="forbid")

    kept: int
    dropped: Mapping[str, int] = {}
    by_language: Mapping[str, Fates]


class LanguageCheck(ResultPart):
    """A check in one language; training adds other means."""

    model_config = ConfigDict(extra="allow")

    reward: Known = None


class CheckpointCheck(ResultPart):
    """The policy at one step of its training; training adds other means."""

    model_config = ConfigDict(extra="allow")

    step: int
    value: Known
    """Mean reward."""
    languages: Mapping[str, LanguageCheck] = {}


class CheckpointChoice(ResultPart):
    """Checkpoint selection: the step that was saved, and the checks behind it."""

    chosen_step: int | None
    """None where no check had a reward, so that the last step was saved."""
    curve: Sequence[CheckpointCheck]


class TrainingLine(ResultPart):
    """The means of a training since its last line; methods differ in what they know."""

    model_config = ConfigDict(extra="ignore")

    step: int
    loss: Known = None
    languages: Mapping[str, Mapping[str, Known]] = {}
    """Language → column → mean."""


class TokenCounts(ResultPart):
    """The tokens of a round, by the policy's tokenizer."""

    written: int
    """Written by any model: translated prompts, completions, translated completions; in online
    training too. Evaluations are left out, and answers that make gold again."""
    trained: int
    """Read by the training, forward and backward: those of prompts and answers, of both sides of a
    pair or of every completion, in every epoch."""

    @property
    def total(self) -> int:
        return self.written + self.trained


class RoundSummary(ResultPart):
    """The results of one policy, and the data that trained the next."""

    round: int
    policy: str = ""
    results: Sequence[ResultRow] = ()
    directions: Sequence[ResultRow] = ()
    """Rows of cross-lingual tasks, with `high→low` and so on in place of the language."""
    answer_languages: Sequence[ResultRow] = ()
    """Rows of cross-lingual tasks by the language of the answer."""
    translations: Sequence[TranslationCounts] = ()
    transforms: Sequence[PassCounts] = ()
    """The passes over the prompts, in their order."""
    cleaned: CleaningCounts | None = None
    pairs: PairCounts | None = None
    demonstrations: DemonstrationCounts | None = None
    privileged: CountsByLanguage | None = None
    """Prompts with a privileged context, and those that have none."""
    choice: CheckpointChoice | None = None
    too_long: Mapping[str, int] = {}
    """Rows by language that the training left out because of their length."""
    cut: Mapping[str, int] = {}
    """Rows by language of which the training read the beginning only."""
    failures: Mapping[str, Failures] = {}
    """Stage → the answers that it lacks, because a server gave none."""
    tokens: TokenCounts | None = None
    """None for a round without a training."""
    training: Sequence[TrainingLine] = ()
    """The log of the training, of a long one some lines."""


class MeanChange(ResultPart):
    """The mean paired change over a group of languages; families are drawn in all at once."""

    language: str = ""
    value: Known
    low: Known
    high: Known
    n: int | None = None
    unknown: int | None = None
    metric: str
    p: Known = None


class AuditRow(ResultPart):
    """Rates of answers and of thoughts in another language than that of the prompt, and of mixed
    answers."""

    sampler: str
    language: str
    off_target_rate: Known
    low: Known = None
    high: Known = None
    n: int | None = None
    unknown: int | None = None
    mixed: Known = None
    thought_off_target_rate: Known = None
    num_thoughts: int = 0
    """Thoughts whose language was identified."""

    @property
    def interval(self) -> Interval:
        return Interval(self.off_target_rate, self.low, self.high, n=self.n, unknown=self.unknown)


class Audit(ResultPart):
    """Off-target rates of every model and language."""

    rows: Sequence[AuditRow] = ()


class RunSummary(Document):
    """The content of `summary.json`."""

    LEFT_OUT = frozenset({"audit"})

    recipe: str | None = None
    seed: int | None = None
    method: str | None = None
    dominant_language: str = "en"
    own_code: Sequence[str] = ()
    planted: Sequence[str] = ()
    """Shares of answers that were made wrong on purpose."""
    """The functions of the user's that rewarded completions: `package.module:name`."""
    validation: str | None = None
    """The task of the stop rule, whose numbers are no results."""
    stopped: str | None = None
    """The reason for ending before the last round."""
    rounds: Sequence[RoundSummary] = ()
    mean_changes: Mapping[str, Mapping[str, MeanChange]] = {}
    """Task → group of languages → change from M0 to the last policy."""
    seconds: Mapping[str, float] = {}
    """Stage → time."""
    audit: Audit | None = None

    @classmethod
    def read_from(cls, run: Path) -> Self:
        """The summary in a run directory; raises InputError where there is none to read."""
        return cls.read(
            run / SUMMARY_FILE, mend="name a run directory (`isoglot run`), or run the recipe again"
        )

    @property
    def results(self) -> list[tuple[int, ResultRow]]:
        """Every result with the number of its round."""
        return [(entry.round, row) for entry in self.rounds for row in entry.results]
