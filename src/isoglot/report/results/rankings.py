"""Agreement of the people who ranked answers: `agreement.json` of `isoglot import-rankings`."""

from collections.abc import Sequence

from isoglot.core.documents import Document
from isoglot.report.results.rows import Interval, Known, ResultPart


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
