"""The page: everything that a run tells, in one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.report import tables
from isoglot.report.cards.pairs import pair_browser, sample_pairs
from isoglot.report.charts import curves, figures, pair_figures
from isoglot.report.charts.canvas import Chart
from isoglot.report.cleaning import cleaning_sections, empty_languages
from isoglot.report.directions import direction_sections
from isoglot.report.old_page import Page, Section, Tile, facts_of, render_page, write_page
from isoglot.report.results.measures import (
    OFF_TARGET,
    Change,
    Measure,
    Summary,
    all_results,
    language_name,
    languages,
    measures,
    number,
    read_json,
)
from isoglot.report.routes import route_sections
from isoglot.report.translations import translation_sections


def write_report(run: Path) -> Path:
    """Write `RUN/report.html` from the run's summary and preference shards, and return its path.

    The page makes no network request. Parts that the run does not have (yet) are named on the page.
    InputError when `RUN/summary.json` is absent or no JSON.
    """
    summary = read_json(run / "summary.json")
    html = render(summary, facts_of(run / "run.json"), *sample_pairs(run))
    return write_page(run / "report.html", html)


def render(
    summary: Summary,
    facts: Mapping[str, Any],
    pairs: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> str:
    """The page as HTML: `facts` is the content of `run.json`, `pairs` a sample of the pairs."""
    head, audit = tables.headline(summary), _audit_rows(summary)
    policies = tables.policy_rounds(summary)
    versions = (facts.get("versions") or {}).items()
    made = [f"Seed {summary.get('seed', 'unknown')}", *(" ".join(map(str, v)) for v in versions)]
    changes_are = (
        f"Changes are in points, M0 to M{policies[-1] if policies else 0}, with 95 % intervals. "
        "Languages share their problems, so the interval of a mean over languages draws problems, "
        "in all of them at once."
    )
    tiles = _tiles(head)
    stopped = [f"Stopped: {summary['stopped']}"] if summary.get("stopped") else []
    page = Page(
        title=str(summary.get("recipe") or "A run without a recipe"),
        sentence=_audit_sentence(audit) if audit and not head.measure else head.sentence,
        sections=_sections(summary),
        browser=pair_browser(pairs),
        tiles=tiles,
        fine=[*([changes_are] if tiles else []), " · ".join(made)],
        notices=[*stopped, *empty_languages(summary), *notes],
        rows=[(f"M{index}", row) for index, row in all_results(summary)],
        order=languages(summary),
        facts=facts,
    )
    return render_page(
        page,
        "page.html.jinja",
        interval=tables.interval,
        policies=policies,
        language_rows=tables.language_rows(summary),
        totals=pair_figures.round_totals(summary),
        audit=audit,
        timings=_timings(summary),
    )


def _audit_sentence(audit: Sequence[Mapping[str, Any]]) -> str:
    models, tags = ({row[key] for row in audit} for key in ("sampler", "language"))
    return f"An audit of {len(models)} models in {len(tags)} languages."


def _tiles(head: tables.Headline) -> list[Tile]:
    """The changes of the verdict; none without a change."""

    def tile(name: str, change: Change) -> Tile:
        note = tables.interval(change) or "interval unknown"
        return Tile(name, tables.signed(change.value), note)

    found = []
    if part := head.trained:
        found.append(tile(f"Trained, mean of {part.num_languages}", part))
    if part := head.worst:
        found.append(tile(f"Least gain: {language_name(part.name)}", part))
    if part := head.dominant:
        found.append(tile(f"{language_name(part.name)}, dominant", part))
    if part := head.never_trained:
        found.append(tile(f"Never trained, mean of {part.num_languages}", part))
    if found and head.off_target_last is not None:
        last, first = (tables.percent(v) for v in (head.off_target_last, head.off_target_first))
        found.append(Tile("Off-target rate, mean", f"{last} %", f"M0: {first} %"))
    return found


def _sections(summary: Summary) -> list[Section]:
    """What the run tells; results that it never asks for are not named as missing."""
    found = measures(summary)
    audit = _audit_section(summary)
    demonstrations = [*route_sections(summary), *cleaning_sections(summary)]
    has_pairs = bool(pair_figures.pairs_by_round(summary))
    has_other_data = bool(audit or demonstrations)
    has_results = bool(found) or not has_other_data
    is_without_pairs = summary.get("method") == "rloo" or bool(demonstrations) or not has_results
    return [
        *(_result_sections(summary, found) if has_results else []),
        *audit,
        *translation_sections(summary),
        *demonstrations,
        *_choice_section(summary),
        *(_pair_sections(summary) if has_pairs or not is_without_pairs else []),
    ]


def _result_sections(summary: Summary, found: Sequence[Measure]) -> list[Section]:
    scores = [measure for measure in found if measure.metric != OFF_TARGET]
    over = [_over_rounds(summary, i, measure) for i, measure in enumerate(scores)]
    missing = Section(
        "rounds-0", "Accuracy by language over rounds", "", "This run has no results yet."
    )
    return [
        *(over[:1] or [missing]),
        Section(
            "off-target",
            "Off-target rate, by language over rounds",
            "How often an answer is in another language than the one asked for. Lower is better. "
            "Answers whose language is unknown are not counted.",
            "This run has no off-target rates.",
            [figures.off_target_rates(summary, m) for m in found if m.metric == OFF_TARGET],
        ),
        Section(
            "change",
            "Change per language",
            "The last policy minus M0, with the 95 % interval. An interval that reaches zero "
            "means that this run cannot tell the change from none.",
            "A change needs the results of two policies.",
            [chart for m in scores if (chart := figures.change_per_language(summary, m))],
        ),
        *over[1:],
        *direction_sections(summary),
    ]


def _over_rounds(summary: Summary, position: int, measure: Measure) -> Section:
    return Section(
        f"rounds-{position}",
        f"{measure.title}, by language over rounds",
        "Each line is a language, M0 the model at the start. Bars are 95 % intervals. "
        "Lines are set slightly apart so that their intervals can be told from one another.",
        "No results.",
        figures.over_rounds(summary, measure),
        is_panels=True,
    )


def _choice_section(summary: Summary) -> list[Section]:
    charts = curves.choices(summary)
    caption = (
        "Mean reward of greedy answers to prompts that were kept out of training. The policy of "
        "the marked step was saved, so a training that went on too long does no harm."
    )
    return [Section("choice", "The choice of a checkpoint", caption, "", charts)] if charts else []


def _audit_section(summary: Summary) -> list[Section]:
    rows = (summary.get("audit") or {}).get("rows") or []
    if not summary.get("audit"):
        return []
    return [
        Section(
            "audit",
            "Off-target rate of each model",
            "How often, in percent, a model answers in another language than the one asked for.",
            "The audit has no rows.",
            [figures.audit_heat_map(rows)] if rows else [],
        )
    ]


def _pair_sections(summary: Summary) -> list[Section]:
    def some(chart: Chart | None) -> list[Chart]:
        return [chart] if chart else []

    return [
        Section(
            "pairs",
            "Pairs kept and dropped",
            "The pairs of round 0 come from M0 and train M1, and so on.",
            "No round has pairs yet.",
            some(pair_figures.kept_and_dropped(summary)),
        ),
        Section(
            "lengths",
            "Lengths of chosen and rejected",
            "If chosen is longer than rejected throughout, the policy may learn length first.",
            "The lengths of the pairs are not recorded.",
            some(pair_figures.lengths(summary)),
        ),
        Section(
            "reward",
            "Reward accuracy",
            "How often the oracle also prefers chosen to rejected. The dotted line is chance.",
            "There is no oracle for these pairs, so the accuracy of the reward is unknown.",
            some(pair_figures.reward_accuracies(summary)),
        ),
    ]


def _audit_rows(summary: Summary) -> list[dict[str, Any]]:
    rows = (summary.get("audit") or {}).get("rows") or []
    return [
        {**row, **{key: number(row, key) for key in ("off_target_rate", "low", "high")}}
        for row in rows
    ]


def _timings(summary: Summary) -> list[dict[str, Any]]:
    """Seconds of each stage with its share of the longest one."""
    seconds = {name: value for name in (summary.get("seconds") or {})
               if (value := number(summary["seconds"], name)) is not None}  # fmt: skip
    longest = max(seconds.values(), default=0.0) or 1.0
    return [
        {"stage": name, "seconds": value, "share": value / longest}
        for name, value in seconds.items()
    ]
