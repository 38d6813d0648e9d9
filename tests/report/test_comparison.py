"""Runs side by side: the same questions or a refusal that names the difference."""

import json
from io import StringIO
from pathlib import Path

import pytest
from html_of_pages import Elements, data_of, without_library
from made_evaluation import HOSTILE, LANGUAGES, UNKNOWN, write_evaluation
from made_judging import write_judged, write_rated
from mean_tests import paired_difference
from rich.console import Console

from isoglot.core.records import Graded
from isoglot.core.store import read_shard, write_shard
from isoglot.report.pages.comparison import write_comparison
from isoglot.report.pages.comparison_table import compared_of, comparison_table
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.judging import Ratings
from isoglot.report.results.paired import compared_values
from isoglot.report.results.rows import MEAN, Measure, ResultRow, difference, rows_of
from isoglot.report.results.runs import ComparedRun, Comparison, compare_runs, read_run
from isoglot.report.results.summary import RoundSummary, RunSummary

ACCURACY = Measure("mgsm", "accuracy")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> list[Path]:
    base = tmp_path_factory.mktemp("compared")
    return [write_evaluation(base / name, f"{name}@1") for name in ("old", "new", "other")]


def change_results(folder: Path, change) -> Path:
    """`change` has the fields of a row that become others, or is None where the row goes."""
    results = Evaluation.read_from(folder)
    rows = [(row, change(row)) for row in results.results]
    kept = [row.model_copy(update=fields) for row, fields in rows if fields is not None]
    results.model_copy(update={"results": kept}).write(folder / "results.json")
    return folder


def printed(comparison: Comparison, measure: Measure, width: int = 120) -> str:
    console = Console(width=width, record=True, file=StringIO())
    compared = compared_of(comparison, measure)
    console.print(comparison_table(comparison, measure, compared).to_rich())
    return console.export_text()


def changes_between(old: ComparedRun, new: ComparedRun, measure: Measure) -> dict:
    _, values = compared_values([old, new], measure)
    return {tag: value.change for tag, value in values.items() if value.change}


def test_heat_map_has_models_and_languages(folders: list[Path], tmp_path: Path) -> None:
    page = write_comparison(folders, tmp_path / "out").read_text(encoding="utf-8")
    charts = data_of(page)["charts"]
    maps = [c["data"][0] for c in charts if c["data"][0]["type"] == "heatmap"]
    assert len(maps) == 4
    assert len(maps[0]["z"]) == len(LANGUAGES)
    assert all(len(line) == 3 for line in maps[0]["z"])
    assert maps[0]["z"][-1] == [None, None, None]
    assert 'id="change-0"' in page
    assert '<th class="r">old, %</th>' in page


def test_paired_changes_are_those_of_the_examples(folders: list[Path]) -> None:
    old, new = (read_run(folder) for folder in folders[:2])
    found = changes_between(old, new, ACCURACY)
    for tag in ("de", "sw", "ar"):
        rows = [
            {
                (g.family, g.prompt_id): g.value
                for g in read_shard(run.task_folder("mgsm") / "graded.parquet", Graded)
                if (g.metric, g.language) == ("accuracy", tag)
            }
            for run in (old, new)
        ]
        keys = [key for key in sorted(rows[0]) if rows[0][key] is not None]
        value, low, high = paired_difference(
            [rows[1][key] for key in keys], [rows[0][key] for key in keys],
            [family for family, _ in keys], seed=0,
        )  # fmt: skip
        assert found[tag].value == pytest.approx(value, abs=1e-12)
        if low < high:
            assert (found[tag].low, found[tag].high) == pytest.approx((low, high), abs=0.06)
        else:
            assert (found[tag].low, found[tag].high) == pytest.approx((-0.185, 0.185), abs=1e-3)
    parts = [change.value for tag, change in found.items() if tag != MEAN]
    assert found[MEAN].value == pytest.approx(sum(parts) / len(parts))
    assert UNKNOWN not in found


def test_run_beside_itself_has_no_change(folders: list[Path]) -> None:
    run = read_run(folders[0])
    for change in changes_between(run, run, ACCURACY).values():
        share = change.high  # what 20 prompts without a change leave open
        assert (change.value, change.low) == (0, -share)
        assert 0.1 < share < 0.3


def unknown_but(folder: Path, known: int) -> Path:
    """Leave all German grades but the first ones unknown; write the values that remain."""
    path = folder / "mgsm" / "graded.parquet"
    rows = read_shard(path, Graded)
    places = [i for i, r in enumerate(rows) if (r.metric, r.language) == ("accuracy", "de")]
    for place in places[known:]:
        row = rows[place]
        rows[place] = Graded(row.family, row.prompt_id, "de", row.metric, None, None)
    write_shard(path, rows, Graded)
    values = [rows[place].value for place in places[:known]]
    kept = [value for value in values if value is not None]
    fields = {"value": sum(kept) / len(kept), "n": len(kept), "unknown": 20 - len(kept)}
    is_cell = ("accuracy", "de")
    return change_results(folder, lambda r: fields if (r.metric, r.language) == is_cell else {})


@pytest.mark.parametrize("known", [2, 12])
def test_values_are_of_the_shared_prompts_and_too_few_make_no_change(tmp_path, known):
    old = unknown_but(write_evaluation(tmp_path / "old", "old@1", tasks=("mgsm",)), known)
    new = write_evaluation(tmp_path / "new", "new@1", tasks=("mgsm",))
    comparison = compare_runs([old, new])
    compared = compared_of(comparison, ACCURACY)
    text = printed(comparison, ACCURACY, 200)
    line = next(line for line in text.splitlines() if "(de)" in line)
    before, after = (part["de"] for part in compared.values())
    assert before.n == after.n
    assert f"; {before.n} shared" in line
    if known < 10:
        assert after.change is None
        assert after.value == rows_of(comparison.runs[1].rows, ACCURACY)["de"].value
        assert "Mean of 12" in text
    else:
        assert after.change.value == pytest.approx(after.value - before.value)
        assert f"({100 * after.change.value:+.1f}" in line.replace("−", "-")


def test_unknown_answer_of_the_new_run_cannot_make_a_gain(tmp_path: Path) -> None:
    old, new = (write_evaluation(tmp_path / name, "old@1", tasks=("mgsm",)) for name in "ab")
    path = new / "mgsm" / "graded.parquet"
    rows = read_shard(path, Graded)
    wrong = next(i for i, r in enumerate(rows) if r.value == 0 and r.metric == "accuracy")
    right = next(i for i, r in enumerate(rows) if r.value == 1 and r.metric == "accuracy"
                 and r.language == rows[wrong].language)  # fmt: skip
    tag = rows[wrong].language
    for place in (wrong, right):
        row = rows[place]
        rows[place] = Graded(row.family, row.prompt_id, tag, row.metric, None, None)
    write_shard(path, rows, Graded)
    known = [r.value for r in rows if (r.metric, r.language) == ("accuracy", tag)]
    known = [value for value in known if value is not None]
    mean = {"value": sum(known) / len(known)}
    change_results(new, lambda r: mean if (r.metric, r.language) == ("accuracy", tag) else {})
    change = changes_between(read_run(old), read_run(new), ACCURACY)[tag]
    assert change.value == pytest.approx(-1 / (len(known) + 2))


def test_value_that_is_no_mean_of_grades_has_a_marginal_interval(
    folders: list[Path], tmp_path: Path
) -> None:
    moved = write_evaluation(tmp_path / "moved", "moved@1")
    change_results(moved, lambda row: {"value": 0.9 * row.value} if row.value else {})
    runs = [read_run(folders[0]), read_run(moved)]
    found = changes_between(*runs, ACCURACY)
    old, new = (rows_of(run.rows, ACCURACY)["de"].interval for run in runs)
    assert found["de"] == difference(new, old)
    assert found[MEAN].low is None


def test_page_is_inert_and_needs_no_network(tmp_path: Path) -> None:
    folders = [write_evaluation(tmp_path / name, f"{HOSTILE}{name}") for name in "ab"]
    page = write_comparison(folders, tmp_path / "out").read_text(encoding="utf-8")
    elements = Elements(without_library(page)).found
    assert not [tag for tag, _ in elements if tag in {"img", "a", "iframe"}]
    assert sum(tag == "script" for tag, _ in elements) == 3
    assert HOSTILE not in page
    assert "<" not in json.dumps(data_of(page)["charts"])


def test_grades_are_shown_as_the_judge_gave_them(tmp_path: Path) -> None:
    folders = [write_rated(tmp_path / name) for name in ("old", "new")]
    results = Ratings.read(folders[0] / "results.json", mend="")
    row = next(row for row in results.results if row.language == "de")
    out = write_comparison(folders, tmp_path / "out").read_text(encoding="utf-8")
    assert "In grades from 1 to 10" in out
    assert "In percent" not in out
    chart = next(c["data"][0] for c in data_of(out)["charts"] if c["data"][0]["type"] == "heatmap")
    assert chart["zmax"] == 10
    comparison = compare_runs(folders)
    text = printed(comparison, comparison.measures[0], 200)
    line = next(line for line in text.splitlines() if "(de)" in line)
    assert f" {10 * row.value:.2f} " in line
    assert "%" not in text.splitlines()[0]


def test_one_run_is_nothing_to_compare(folders: list[Path]) -> None:
    with pytest.raises(ValueError, match="two runs or more to compare, came 1"):
        compare_runs(folders[:1])


def test_other_tasks_are_refused(folders: list[Path], tmp_path: Path) -> None:
    other = write_evaluation(tmp_path / "x", "x@1", tasks=("mgsm",))
    with pytest.raises(ValueError, match="the tasks differ: only old has xcopa"):
        compare_runs([folders[0], other])


def test_other_languages_are_refused(folders: list[Path], tmp_path: Path) -> None:
    other = write_evaluation(tmp_path / "x", "x@1")
    change_results(other, lambda row: None if row.language == "th" else {})
    with pytest.raises(ValueError, match="the languages of mgsm differ: only old has th"):
        compare_runs([folders[0], other])


def test_other_ways_of_measuring_are_refused(folders: list[Path], tmp_path: Path) -> None:
    other = write_evaluation(tmp_path / "x", "x@1")
    change_results(other, lambda row: {"signature": row.signature.replace("shots:8", "shots:0")})
    with pytest.raises(ValueError, match="old has shots:8, x has shots:0"):
        compare_runs([folders[0], other])


def test_other_metrics_are_refused(folders: list[Path], tmp_path: Path) -> None:
    other = write_evaluation(tmp_path / "x", "x@1")
    change_results(other, lambda row: {"metric": "f1"} if row.metric == "accuracy" else {})
    with pytest.raises(ValueError, match="only x has f1"):
        compare_runs([folders[0], other])


@pytest.mark.parametrize("part", ["|seed:7", "|v:9.9", "|seed:1"])
def test_seed_and_version_may_differ(folders: list[Path], tmp_path: Path, part: str) -> None:
    other = write_evaluation(tmp_path / "x", "x@1")
    change_results(
        other,
        lambda row: {"signature": row.signature.replace("|seed:1|v:0.1", part)},
    )
    compare_runs([folders[0], other])


def test_another_identifier_spoils_off_target_rates_only(
    folders: list[Path], tmp_path: Path
) -> None:
    other = write_evaluation(tmp_path / "x", "x@1")
    change_results(other, lambda row: {"signature": row.signature.replace("lid:x", "lid:y")})
    with pytest.raises(ValueError, match="old has lid:x@1, x has lid:y@1"):
        compare_runs([folders[0], other])
    without = []
    for folder, name in ((folders[0], "p"), (other, "q")):
        copy = write_evaluation(tmp_path / name, name)
        (copy / "results.json").write_text((folder / "results.json").read_text())
        without.append(
            change_results(copy, lambda row: None if row.measure.is_language_fault else {})
        )
    compare_runs(without)


def test_other_prompts_are_refused(folders: list[Path], tmp_path: Path) -> None:
    other = write_evaluation(tmp_path / "x", "x@1", num=19)
    with pytest.raises(ValueError, match=r"the prompts of mgsm differ: 14 are in one run only"):
        compare_runs([folders[0], other])


def test_without_prompts_the_counts_are_compared(folders: list[Path], tmp_path: Path) -> None:
    one = write_evaluation(tmp_path / "x", "x@1")
    (one / "mgsm" / "prompts" / "part-00000.parquet").unlink()
    assert compare_runs([folders[0], one]).unchecked == ["mgsm"]
    assert "only their number was compared" in write_comparison(
        [folders[0], one], tmp_path / "out"
    ).read_text(encoding="utf-8")
    change_results(one, lambda row: {"n": row.n + 1})
    with pytest.raises(ValueError, match="the prompts of mgsm differ"):
        compare_runs([folders[0], one])


def test_folder_that_is_none_of_these_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found neither"):
        read_run(tmp_path)
    with pytest.raises(ValueError, match="came verdicts of a judge"):
        read_run(write_judged(tmp_path / "judged"))
    RunSummary().write(tmp_path / "summary.json")
    with pytest.raises(ValueError, match="the run has no results yet"):
        read_run(tmp_path)


def test_last_policy_of_a_run_is_compared(tmp_path: Path) -> None:
    def row(task: str, value: float, **columns) -> ResultRow:
        return ResultRow(task=task, language="sw", metric="accuracy", value=value, **columns)

    runs = []
    for name, skill in (("one", 0.5), ("two", 0.7)):
        rounds = [
            RoundSummary(
                round=i,
                policy=f"M{i}",
                results=[
                    row("lab", skill + i / 10, low=skill, high=skill + 0.2, n=50, unknown=0),
                    row("val", 0.1),
                ],
            )
            for i in (0, 1)
        ]
        folder = tmp_path / name
        folder.mkdir()
        RunSummary(recipe=name, validation="val", rounds=rounds).write(folder / "summary.json")
        runs.append(folder)
    comparison = compare_runs(runs)
    assert comparison.names == ["one M1", "two M1"]
    assert comparison.measures == [Measure("lab", "accuracy")]
    found = changes_between(*comparison.runs, Measure("lab", "accuracy"))
    assert found["sw"].value == pytest.approx(0.2)


def test_same_model_twice_is_told_apart_by_its_folder(tmp_path: Path) -> None:
    folders = [write_evaluation(tmp_path / name, "same@1") for name in "ab"]
    assert compare_runs(folders).names == ["same@1 (a)", "same@1 (b)"]


def test_heads_of_one_model_in_two_folders_differ(tmp_path: Path) -> None:
    folders = [write_evaluation(tmp_path / name, "policy@510dcd5af806") for name in ("old", "new")]
    comparison = compare_runs(folders)
    table = comparison_table(comparison, ACCURACY, compared_of(comparison, ACCURACY))
    heads = [column.title for column in table.columns]
    assert heads == ["Language", "policy (old)", "policy (new)", "n (unknown)"]


def test_table_has_the_values_and_the_changes(folders: list[Path]) -> None:
    comparison = compare_runs(folders)
    text = printed(comparison, ACCURACY)
    old, new = (rows_of(run.rows, ACCURACY)["sw"].value for run in comparison.runs[:2])
    line = next(line for line in text.splitlines() if "(sw)" in line)
    assert f"{100 * old:.1f}" in line
    assert f"{100 * new:.1f} ({100 * (new - old):+.1f})" in line
    assert "Mean of 13" in text
