"""The accuracy of scorers on preferences (`results.json` of `isoglot rewards`), and the agreement
of the people who ranked answers (`agreement.json` of `isoglot import-rankings`)."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from isoglot.core.documents import Document
from isoglot.report.results.rows import GroupRow, Interval, Known, ResultPart, ResultRow, Results


class _Drop(ResultPart):
    """Accuracy that is lost from one side to the other, with its 95 % interval."""

    drop: Known = None
    drop_low: Known = None
    drop_high: Known = None

    @property
    def drop_interval(self) -> Interval:
        return Interval(self.drop, self.drop_low, self.drop_high)


class RewardResult(ResultRow, _Drop):
    """The reward accuracy of a scorer on one set in one language, or `mean` over languages.

    `drop` is the accuracy in English minus this one, on the same set; in the row `mean`, minus the
    mean of the other languages. None where the set lacks one of the two, and in English.
    """

    trained: bool = Field(False, exclude=True)
    scorer: str = ""
    in_distribution: bool
    """True if the scorer was trained on pairs of this kind."""
    ties: int
    """Pairs with equal rewards, which count as half right and are part of `n`."""


class DistributionResult(_Drop):
    """Accuracy in and out of distribution in one language, or `mean` over those with both.

    Both are means over the sets of each kind; `drop` is `inside` minus `outside`.
    """

    scorer: str = ""
    language: str
    inside: float
    outside: float


class RewardResults(Results):
    """The reward accuracy of every scorer on every set."""

    MEND = "name the folder of `isoglot rewards` (--out), or repeat the command"

    scorers: Sequence[str]
    in_distribution: Sequence[str] = ()
    """The sets of the kind that the scorers were trained on."""
    folders: Mapping[str, Mapping[str, str]]
    """Scorer → set → folder of the preferences with their rewards."""
    results: Sequence[RewardResult]
    distribution: Sequence[DistributionResult] = ()
    groups: Sequence[GroupRow] = Field((), exclude=True)

    @property
    def sets(self) -> list[str]:
        """The names of the sets, in order."""
        return list(dict.fromkeys(row.task for row in self.results))


class RankAgreement(ResultPart):
    """Krippendorff's alpha of ranks, and the pairs that they make, in one language of answers."""

    language: str
    alpha: Known
    """None where no item has two annotators, or all ranks are the same."""
    low: Known
    high: Known
    """`low` and `high` bound the 95 % interval."""
    num_items: int
    num_items_of_several: int
    """Items that several annotators ranked."""
    num_annotators: int
    num_rankings: int
    num_pairs: int
    num_dropped: int
    """Pairs that a filter dropped."""
    num_ties: int
    """Items whose answers are tied, which make no pair."""

    @property
    def interval(self) -> Interval:
        return Interval(self.alpha, self.low, self.high)


class ImportedRankings(Document):
    """Every language of an import."""

    seed: int
    method: str
    """The pairer."""
    files: Sequence[str]
    agreement: Sequence[RankAgreement]
