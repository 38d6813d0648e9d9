"""Results in the layout of `results_*.json` that lm-eval 0.4 writes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from isoglot.report.results.judging import JudgedComparison
from isoglot.report.results.rows import MEAN, GroupRow, Measure, ResultRow, Results

_NAMES = {"accuracy": "acc"}
_OUT_OF_100 = re.compile(r"(sp)?bleu|chrf", re.IGNORECASE)
_NORMAL_95 = 1.959963984540054

_Json = Mapping[str, object]


def as_lm_eval(results: Results) -> _Json:
    """The layout of lm-eval's aggregated results: `results` → `TASK_LANGUAGE` → `acc,none` …

    A standard error is the 95 % interval's width over 2 · 1.96. BLEU and chrF are 0 to 100 there,
    ratings 1 to 10. A metric without a value is left out; its count stands in `n-samples`.
    """
    cells: dict[str, list[ResultRow]] = {}
    tasks: dict[str, dict[str, None]] = {}
    for row in results.results:
        task = row.task or "judged"
        cells.setdefault(f"{task}_{row.language}", []).append(row)
        tasks.setdefault(task, {})[f"{task}_{row.language}"] = None
    groups = _groups(results)
    model = results.a if isinstance(results, JudgedComparison) else results.model_name
    name, _, revision = model.partition("@")
    return {
        "results": groups | {n: _metrics(n, rows, rows[0].n or 0) for n, rows in cells.items()},
        **({"groups": groups} if groups else {}),
        "group_subtasks": {
            **{task: list(names) for task, names in tasks.items() if task in groups},
            **{n: [] for n in cells},
        },
        "configs": {
            n: {"task": n, "metadata": {"signature": rows[0].signature}}
            for n, rows in cells.items()
        },
        "versions": {n: _part(rows[0], "v") or "N/A" for n, rows in cells.items()},
        "n-shot": {n: int(_part(rows[0], "shots") or 0) for n, rows in cells.items()},
        "higher_is_better": {
            n: {_metric_name(row): not row.measure.is_language_fault for row in rows}
            for n, rows in cells.items()
        },
        "n-samples": {
            n: {"original": (rows[0].n or 0) + (rows[0].unknown or 0), "effective": rows[0].n or 0}
            for n, rows in cells.items()
        },
        "config": {
            "model": "isoglot",
            "model_args": {"pretrained": name, **({"revision": revision} if revision else {})},
            "random_seed": results.seed,
        },
        "model_source": "isoglot",
        "model_name": name,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", name),
    }


def _metric_name(row: ResultRow | GroupRow) -> str:
    return _NAMES.get(row.metric, row.metric.replace(",", "_"))


def _metrics(name: str, rows: Sequence[ResultRow | GroupRow], num: int) -> _Json:
    found: dict[str, object] = {"name": name, "alias": name, "sample_len": num}
    for row in rows:
        if row.value is None:
            continue
        scale = 100.0 if _OUT_OF_100.match(row.metric) else 10.0 if row.measure.is_rating else 1.0
        half, metric = row.interval.half, _metric_name(row)
        found[f"{metric},none"] = scale * row.value
        found[f"{metric}_stderr,none"] = "N/A" if half is None else scale * half / _NORMAL_95
    return found


def _groups(results: Results) -> dict[str, _Json]:
    """The mean over languages of each task, as lm-eval's groups."""
    means: dict[str, list[GroupRow]] = {}
    for row in results.groups:
        if row.group == MEAN:
            means.setdefault(row.task, []).append(row)
    nums: Counter[Measure] = Counter()
    for result in results.results:
        nums[result.measure] += result.n or 0
    return {task: _metrics(task, rows, nums[rows[0].measure]) for task, rows in means.items()}


def _part(row: ResultRow, key: str) -> str:
    """A part of a signature, empty where it has none."""
    parts = (part.partition(":") for part in row.signature.split("|"))
    return next((value for name, _, value in parts if name == key), "")
