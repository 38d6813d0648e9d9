"""Results for others' tools: CSV, LaTeX, Markdown, and the JSON that `lm-eval` writes."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.store import write_json
from isoglot.report.results.measures import (
    GRADES,
    OFF_TARGET,
    PERCENT,
    Measure,
    Row,
    language_name,
    metric_name,
    number,
    scale_of,
)
from isoglot.report.results.old_evaluation import (
    by_language,
    group_title,
    groups_of,
    language_order,
    tier,
)
from isoglot.report.results.runs import read_any
from isoglot.report.tables import percent

_COLUMNS = (
    "model", "baseline", "task", "metric", "language", "group", "tier", "trained", "value", "low",
    "high", "n", "unknown", "change", "change_low", "change_high", "change_p", "wins", "ties",
    "losses", "invalid", "unanswered", "signature",
)  # fmt: skip
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip
_IN_LM_EVAL = {"accuracy": "acc"}
_OUT_OF_100 = re.compile(r"(sp)?bleu|chrf", re.IGNORECASE)
_NORMAL_95 = 1.959963984540054


class _Wide(NamedTuple):
    """A table with languages down, then groups, and a column for each measure."""

    columns: list[str]
    languages: list[list[str]]
    groups: list[list[str]]


def export(folder: Path, kind: str, path: Path) -> Path:
    """Write the results of an evaluation, a judged comparison or a run as `kind`; return the path.

    `csv` has every column of every result, rates 0 to 1 (a judge's grade as a tenth of itself), an
    empty cell where a value is unknown.
    `latex` (booktabs) and `markdown` have a language in each row and percents. `lm-eval` is the
    layout of `results_*.json` of lm-eval 0.4. InputError names the kinds.
    """
    if kind not in EXPORTS:
        raise InputError(f"unknown export {kind!r}: expected one of {', '.join(EXPORTS)}")
    results = read_any(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "lm-eval":
        write_json(path, as_lm_eval(results))
    else:
        path.write_text(EXPORTS[kind](results), encoding="utf-8", newline="")
    return path


def as_csv(results: Mapping[str, Any]) -> str:
    """A line for each result, then one for each group of languages."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in [*results["results"], *(results.get("groups") or ())]:
        plain = {key: row.get(key) for key in _COLUMNS if row.get(key) is not None}
        plain |= {"model": _model(results), "baseline": results.get("baseline") or ""}
        if tag := row.get("language"):
            plain["tier"] = tier(tag)
        else:
            plain["language"] = " ".join(row.get("languages") or ())
        writer.writerow({key: _inert(value) for key, value in plain.items()})
    return out.getvalue()


def _inert(value: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def as_latex(results: Mapping[str, Any]) -> str:
    """A `tabular` with the rules of booktabs; `\\usepackage{booktabs}` is the only need."""
    table = _wide(results)
    escape = _escape_latex
    body = [" & ".join(map(escape, table.columns)) + r" \\", r"\midrule"]
    body += [" & ".join(map(escape, row)) + r" \\" for row in table.languages]
    if table.groups:
        body += [r"\midrule", *(" & ".join(map(escape, row)) + r" \\" for row in table.groups)]
    head = [f"% {_one_line(line)}" for line in _notes(results)]
    columns = "l" + "r" * (len(table.columns) - 1)
    return "\n".join(
        [*head, rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule",
         r"\end{tabular}", ""]
    )  # fmt: skip


def _escape_latex(text: str) -> str:
    escaped = "".join(_LATEX.get(character, character) for character in _one_line(text))
    # A row that starts with a bracket would be read as an argument of the row before.
    guard = "{}" if escaped.startswith(("[", "*")) else ""
    return guard + escaped.replace("–", "--").replace("\u2212", "$-$")


def as_markdown(results: Mapping[str, Any]) -> str:
    """A table of GitHub's Markdown, and under it how it was measured."""
    table = _wide(results)
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    groups = [[f"**{escape_markdown(row[0])}**", *map(escape_markdown, row[1:])]
              for row in table.groups]  # fmt: skip
    rows = [list(map(escape_markdown, row)) for row in [table.columns, *table.languages]]
    lines = [f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:], *groups]]
    notes = [escape_markdown(line) for line in _notes(results)]
    return "\n".join([*lines, "", *(f"- {line}" for line in notes), ""])


def escape_markdown(text: str) -> str:
    """The text on one line, in which nothing is Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(str(text).split())


def _model(results: Mapping[str, Any]) -> str:
    if "b" in results:
        return f"{results.get('a')} against {results.get('b')}"
    return str(results.get("model") or "")


def _notes(results: Mapping[str, Any]) -> list[str]:
    """What a table of numbers must carry: model, units, counts, each way of measuring once."""
    metrics = {row["metric"] for row in results["results"]}
    unit = (
        "grades from 1 to 10"
        if metrics and all(scale_of(metric) is GRADES for metric in metrics)
        else "percent"
    )
    notes = [f"{_model(results)}; {unit}, 95 % interval in brackets"]
    if results.get("baseline"):
        notes.append(f"baseline: {results['baseline']}")
    if "judge" in results:
        notes.append(f"judge: {results['judge']}")
    for measure in dict.fromkeys(
        Measure(r.get("task") or "", r["metric"]) for r in results["results"]
    ):
        rows = by_language(results["results"], measure).values()
        n, unknown = (_span([int(row.get(key) or 0) for row in rows]) for key in ("n", "unknown"))
        notes.append(f"{measure.task} {measure.metric}: n {n}, unknown {unknown}".strip())
    signatures = dict.fromkeys(str(row.get("signature") or "") for row in results["results"])
    return notes + [signature for signature in signatures if signature]


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _wide(results: Mapping[str, Any]) -> _Wide:
    rows = results["results"]
    measures = list(dict.fromkeys(Measure(r.get("task") or "", r["metric"]) for r in rows))
    found = {measure: by_language(rows, measure) for measure in measures}
    groups = {m: {r["group"]: r for r in groups_of(results, m)} for m in measures}
    tags = language_order([row for row in rows if row["language"] != "mean"])
    tags += ["mean"] * any(row["language"] == "mean" for row in rows)
    names = dict.fromkeys(name for part in groups.values() for name in part)
    first = measures[0] if measures else Measure("", "")
    return _Wide(
        ["Language", *(f"{m.task} {metric_name(m.metric)}".strip() for m in measures)],
        [[language_name(tag), *(_cell(part.get(tag)) for part in found.values())] for tag in tags],
        [
            [
                group_title({"group": name}, found.get(first, {}) if len(measures) == 1 else {}),
                *(_cell(part.get(name)) for part in groups.values()),
            ]
            for name in names
        ],
    )


def _cell(row: Row | None) -> str:
    """`45.2 [41.0, 49.3]`, of a judge's grades `6.20 [5.90, 6.51]`; a dash when unknown."""
    scale = scale_of(row["metric"]) if row else PERCENT
    numbers = [number(row, key) for key in ("value", "low", "high")]
    value, low, high = (percent(each, scale) for each in numbers)
    return value if None in numbers else f"{value} [{low}, {high}]"


def as_lm_eval(results: Mapping[str, Any]) -> dict[str, Any]:
    """The layout of lm-eval's aggregated results: `results` → `TASK_LANGUAGE` → `acc,none` …

    A standard error is the 95 % interval's width over 2 · 1.96. BLEU and chrF are 0 to 100 there,
    grades 1 to 10.
    A metric without a value is left out; its count stands in `n-samples`.
    """
    cells: dict[str, list[Row]] = {}
    tasks: dict[str, dict[str, None]] = {}
    for row in results["results"]:
        task = str(row.get("task") or "judged")
        name = f"{task}_{row['language']}"
        cells.setdefault(name, []).append(row)
        tasks.setdefault(task, {})[name] = None
    metrics = {name: _lm_eval_metrics(name, rows) for name, rows in cells.items()}
    groups = _lm_eval_groups(results)
    name, _, revision = str(results.get("model") or results.get("a") or "").partition("@")
    return {
        "results": groups | metrics,
        **({"groups": groups} if groups else {}),
        "group_subtasks": {
            **{task: list(names) for task, names in tasks.items() if task in groups},
            **{name: [] for name in cells},
        },
        "configs": {n: {"task": n, "metadata": {"signature": rows[0].get("signature") or ""}}
                    for n, rows in cells.items()},
        "versions": {n: _part(rows[0], "v") or "N/A" for n, rows in cells.items()},
        "n-shot": {n: int(_part(rows[0], "shots") or 0) for n, rows in cells.items()},
        "higher_is_better": {
            n: {_lm_eval_name(row): row["metric"] != OFF_TARGET for row in rows}
            for n, rows in cells.items()
        },
        "n-samples": {n: _lm_eval_counts(rows[0]) for n, rows in cells.items()},
        "config": {
            "model": "isoglot",
            "model_args": {"pretrained": name, **({"revision": revision} if revision else {})},
            "random_seed": results.get("seed"),
        },
        "model_source": "isoglot",
        "model_name": name,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", name),
    }  # fmt: skip


def _lm_eval_name(row: Row) -> str:
    return _IN_LM_EVAL.get(row["metric"], row["metric"].replace(",", "_"))


def _lm_eval_metrics(name: str, rows: Sequence[Row]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "alias": name}
    found["sample_len"] = int(rows[0].get("n") or 0)
    for row in rows:
        metric, value = _lm_eval_name(row), number(row)
        if value is None:
            continue
        scale = 100.0 if _OUT_OF_100.match(row["metric"]) else 1.0
        scale = 10.0 if scale_of(row["metric"]) is GRADES else scale
        low, high = number(row, "low"), number(row, "high")
        found[f"{metric},none"] = scale * value
        found[f"{metric}_stderr,none"] = (
            "N/A" if low is None or high is None else scale * (high - low) / (2 * _NORMAL_95)
        )
    return found


def _lm_eval_groups(results: Mapping[str, Any]) -> dict[str, Any]:
    """The mean over languages of each task, as lm-eval's groups."""
    means: dict[str, list[Row]] = {}
    for row in results.get("groups") or ():
        if row["group"] == "mean":
            means.setdefault(str(row.get("task") or ""), []).append(row)
    found = {}
    for task, rows in means.items():
        found[task] = _lm_eval_metrics(task, rows)
        own = [r for r in results["results"] if (r.get("task"), r["metric"]) ==
               (task, rows[0]["metric"])]  # fmt: skip
        found[task]["sample_len"] = sum(int(row.get("n") or 0) for row in own)
    return found


def _lm_eval_counts(row: Row) -> dict[str, int]:
    n, unknown = int(row.get("n") or 0), int(row.get("unknown") or 0)
    return {"original": n + unknown, "effective": n}


def _part(row: Row, key: str) -> str:
    """A part of a signature, empty where it has none."""
    parts = str(row.get("signature") or "").split("|")
    return next((p.partition(":")[2] for p in parts if p.partition(":")[0] == key), "")


EXPORTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "csv": as_csv,
    "latex": as_latex,
    "markdown": as_markdown,
    "lm-eval": lambda results: json.dumps(as_lm_eval(results)),
}
"""What `isoglot export` can write."""
