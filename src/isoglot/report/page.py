"""The page: everything that a run tells, in one HTML file that needs nothing else."""

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from isoglot.report import figures, pair_figures, tables
from isoglot.report.canvas import Chart
from isoglot.report.measures import (
    OFF_TARGET,
    Measure,
    Summary,
    all_results,
    language_name,
    languages,
    measures,
    number,
    own_name,
    read_json,
)
from isoglot.report.pairs import sample_pairs


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its plots; `missing` says why there are none."""

    anchor: str
    title: str
    caption: str
    missing: str
    charts: Sequence[Chart] = field(default_factory=tuple)


def write_report(run: Path) -> Path:
    """Write `RUN/report.html` from the run's summary and preference shards, and return its path.

    The page makes no network request. Parts that the run does not have (yet) are named on the page.
    ValueError when `RUN/summary.json` is absent or no JSON.
    """
    summary = read_json(run / "summary.json")
    facts = read_json(run / "run.json") if (run / "run.json").exists() else {}
    path = run / "report.html"
    temporary = path.with_suffix(".html.tmp")
    temporary.write_bytes(render(summary, facts, *sample_pairs(run)).encode(errors="replace"))
    os.replace(temporary, path)
    return path


def render(
    summary: Summary,
    facts: Mapping[str, Any],
    pairs: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> str:
    """The page as HTML: `facts` is the content of `run.json`, `pairs` a sample of the pairs."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    folder = files("isoglot.report")
    scripts = [get_plotlyjs(), (folder / "page.js").read_text(encoding="utf-8")]
    environment = Environment(
        loader=PackageLoader("isoglot", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": tables.percent, "signed": tables.signed}
    environment.filters |= {"language_name": language_name, "own_name": own_name}
    sections = _sections(summary)
    return environment.get_template("page.html.jinja").render(
        summary=summary,
        facts=_plain(facts),
        versions=facts.get("versions") or {},
        head=tables.headline(summary),
        interval=tables.interval,
        sections=sections,
        policies=tables.policy_rounds(summary),
        language_rows=tables.language_rows(summary),
        totals=pair_figures.round_totals(summary),
        results=_result_rows(summary),
        signatures=_signatures(summary),
        audit=_audit_rows(summary),
        timings=_timings(summary),
        has_pairs=bool(pairs),
        notes=notes,
        # The scripts are ours and plotly's; nothing of a run is in them.
        scripts=[Markup(script) for script in scripts],
        hashes=[_csp_hash(script) for script in scripts],
        style=Markup((folder / "page.css").read_text(encoding="utf-8")),
        data=Markup(_inert_json(_page_data(sections, pairs))),
    )


def _plain(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False) if facts else ""


def _inert_json(value: object) -> str:
    """JSON that can stand in a `<script>`: nothing in it can end the element or open another."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _csp_hash(script: str) -> str:
    """The source expression that lets exactly this script run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _page_data(sections: Sequence[Section], pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tags = sorted({pair["language"] for pair in pairs}, key=language_name)
    return {
        "charts": [chart.figure for section in sections for chart in section.charts],
        "pairs": list(pairs),
        "names": {tag: language_name(tag) for tag in tags},
    }


def _sections(summary: Summary) -> list[Section]:
    found = measures(summary)
    audit = _audit_section(summary)
    if audit and not found and not pair_figures.pairs_by_round(summary):
        return audit
    scores = [measure for measure in found if measure.metric != OFF_TARGET]
    over = [_over_rounds(summary, i, measure) for i, measure in enumerate(scores)]
    missing = Section(
        "rounds-0", "Accuracy by language over rounds", "", "This run has no results yet."
    )
    return [
        *audit,
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
        *_pair_sections(summary),
    ]


def _over_rounds(summary: Summary, position: int, measure: Measure) -> Section:
    return Section(
        f"rounds-{position}",
        f"{measure.title}, by language over rounds",
        "Each line is a language, M0 the model at the start. Bars are 95 % intervals. "
        "Lines are set slightly apart so that their intervals can be told from one another.",
        "No results.",
        figures.over_rounds(summary, measure),
    )


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


def _signatures(summary: Summary) -> list[str]:
    """Each way of measuring once, in order of appearance: a result refers to it by number."""
    return list(dict.fromkeys(str(row.get("signature") or "") for _, row in all_results(summary)))


def _result_rows(summary: Summary) -> list[dict[str, Any]]:
    signatures = _signatures(summary)
    order = {tag: i for i, tag in enumerate(languages(summary))}
    rows = [
        {
            **{key: row.get(key) for key in ("task", "metric", "language", "n", "unknown")},
            **{key: number(row, key) for key in ("value", "low", "high")},
            "policy": f"M{index}",
            "trained": bool(row.get("trained")),
            "signature": signatures.index(str(row.get("signature") or "")) + 1,
        }
        for index, row in all_results(summary)
    ]
    return sorted(
        rows, key=lambda row: (row["task"], row["metric"], order[row["language"]], row["policy"])
    )


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
