"""The sections of a run's page: results, models, preference pairs."""

from typing import TypeVar

from isoglot.report.charts.heat import heat_map
from isoglot.report.charts.intervals import Axis
from isoglot.report.charts.pairs import kept_and_dropped, lengths, reward_accuracies
from isoglot.report.charts.rounds import changes_by_language, over_rounds, rates_by_round
from isoglot.report.page import PageSection
from isoglot.report.pages.audit import audit_list
from isoglot.report.pages.run_results import direction_tables, language_table, pair_table
from isoglot.report.results.names import language_name
from isoglot.report.results.progress import Progress
from isoglot.report.results.summary import RunSummary

_T = TypeVar("_T")

_FAULTS = (
    "How often an answer is in another language than the one asked for, or mixed with one. Lower "
    "is better. Answers whose language is unknown are not counted."
)
_CHANGE = (
    "The last policy minus M0, with the 95 % interval. An interval that reaches zero means that "
    "this run cannot tell the change from none; the other changes are bold."
)
_DIRECTIONS = (
    "From the resources of the prompt's language to those of the answer's; below, by the language "
    "of the answer. Off-target: answers in another language."
)


def result_sections(progress: Progress) -> list[PageSection]:
    """Values over rounds, language faults, changes, directions; the missing ones are named."""
    scores = [measure for measure in progress.measures if not measure.is_language_fault]
    rates = [measure for measure in progress.measures if measure.is_language_fault]
    over = [
        PageSection(
            f"rounds-{i}",
            f"{measure.title}, by language over rounds",
            "Each line is a language, M0 the model at the start. Bars are 95 % intervals. "
            "Lines are set slightly apart so that their intervals can be told from one another.",
            over_rounds(progress, measure),
            is_panels=True,
        )
        for i, measure in enumerate(scores)
    ]
    none = "This run has no results yet."
    missing = PageSection("rounds-0", "Accuracy by language over rounds", "", missing=none)
    changes = _known(*(changes_by_language(progress, measure) for measure in scores))
    languages = language_table(progress)
    return [
        *(over[:1] or [missing]),
        PageSection(
            "off-target",
            "Off-target and mixed rates, by language over rounds",
            _FAULTS,
            [
                rates_by_round(
                    progress,
                    progress.series(measure),
                    measure.title,
                    Axis("percent of answers", from_zero=True),
                )
                for measure in rates
            ],
            missing="This run has no off-target or mixed rates.",
        ),
        PageSection(
            "change",
            "Change per language",
            _CHANGE if changes else "A change needs the results of two policies.",
            changes,
            [languages] if languages.rows else [],
            missing="A change needs the results of two policies.",
        ),
        *over[1:],
        *(
            PageSection(
                f"directions-{i}", table.title.removesuffix(", %"), _DIRECTIONS, (), [table]
            )
            for i, table in enumerate(direction_tables(progress.summary, with_languages=True))
        ),
    ]


def audit_section(summary: RunSummary) -> list[PageSection]:
    """The off-target rates of models, where the run has an audit."""
    if not summary.audit:
        return []
    rows = summary.audit.rows
    models = list(dict.fromkeys(row.sampler for row in rows))
    tags = sorted({row.language for row in rows}, key=language_name)
    cells = {(row.language, row.sampler): row.interval for row in rows}
    return [
        PageSection(
            "audit",
            "Off-target rate of each model",
            "How often, in percent, a model answers in another language than the one asked for.",
            [heat_map("Off-target rate, %", tags, models, cells)] if rows else [],
            [audit_list(rows)] if rows else [],
            missing="The audit has no rows.",
        )
    ]


def pair_sections(progress: Progress) -> list[PageSection]:
    """Pairs kept and dropped, their lengths, and how often they are right."""
    return [
        PageSection(
            "pairs",
            "Pairs kept and dropped",
            "The pairs of round 0 come from M0 and train M1, and so on.",
            _known(kept_and_dropped(progress)),
            _known(pair_table(progress.summary)),
            missing="No round has pairs yet.",
        ),
        PageSection(
            "lengths",
            "Lengths of chosen and rejected",
            "If chosen is longer than rejected throughout, the policy may learn length first.",
            _known(lengths(progress)),
            missing="The lengths of the pairs are not recorded.",
        ),
        PageSection(
            "reward",
            "Reward accuracy",
            "How often the oracle also prefers chosen to rejected. The dotted line is chance.",
            _known(reward_accuracies(progress)),
            missing="There is no oracle for these pairs, so the accuracy of the reward is unknown.",
        ),
    ]


def _known(*found: _T | None) -> list[_T]:
    return [each for each in found if each]
