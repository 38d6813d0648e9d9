"""Exports: others' tools read them, nothing is lost, and no text of a model acts in them."""

import csv
import json
import re
from pathlib import Path

import pytest
from written_folders import LANGUAGES, UNKNOWN, write_evaluation, write_judged

from isoglot.report.export.formats import EXPORTS, as_csv, as_latex, as_lm_eval, as_markdown, export
from isoglot.report.results.old_evaluation import read_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_evaluation(tmp_path_factory.mktemp("exported") / "x", baseline="old@9f")


def test_csv_gives_back_every_number(folder: Path, tmp_path: Path) -> None:
    results = read_results(folder)
    path = export(folder, "csv", tmp_path / "deep" / "results.csv")
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    rows = [*results["results"], *results["groups"]]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for key in ("value", "low", "high", "change"):
            assert line[key] == ("" if row.get(key) is None else repr(row[key]))
    unknown = next(line for line in lines if line["language"] == UNKNOWN)
    assert (unknown["value"], unknown["n"]) == ("", "0")


def test_csv_starts_no_formula(folder: Path) -> None:
    results = {**read_results(folder), "model": "=cmd()"}
    assert "'=cmd()" in as_csv(results)
    assert ",=cmd()" not in as_csv(results)


def test_latex_is_escaped_and_has_the_rules_of_booktabs(folder: Path) -> None:
    results = read_results(folder)
    rows, groups = (
        [row | {"task": r"50%_of \x{a}&b#$^~"} for row in results[part]]
        for part in ("results", "groups")
    )
    text = as_latex({**results, "results": rows, "groups": groups, "model": "one\n\\input{x}"})
    body = text.split("\\begin{tabular}", 1)
    assert r"50\%\_of \textbackslash{}x\{a\}\&b\#\$\textasciicircum{}\textasciitilde{}" in body[1]
    assert all(line.startswith("%") for line in body[0].splitlines())
    assert [rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [True] * 3
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({len(re.findall(r"(?<!\\)&", line)) for line in lines}) == 1
    assert len(lines) == 1 + len(LANGUAGES) + 6


def test_no_cell_is_an_argument_of_the_row_before(folder: Path) -> None:
    results = read_results(folder)
    groups = [row | {"group": "[2cm]"} for row in results["groups"]]
    text = as_latex({**results, "groups": groups})
    assert not [line for line in text.splitlines() if line.startswith("[")]


def test_markdown_has_one_width_and_pipes_are_escaped(folder: Path) -> None:
    results = read_results(folder)
    rows = [row | {"task": "a|b<i>\n*c*"} for row in results["results"]]
    text = as_markdown({**results, "results": rows, "model": "[x](http://evil)"})
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert r"a\|b\<i\> \*c\*" in table[0]
    assert "[x](" not in text
    assert "shots:8" in text.replace("\\", "")
    assert "n 0 to 20, unknown 0 to 20" in text


def test_unknown_is_a_dash_and_not_zero(folder: Path) -> None:
    line = next(ln for ln in as_markdown(read_results(folder)).splitlines() if "Yoruba" in ln)
    assert not re.search(r"\d", line)


def test_judged_comparison_is_exported_too(tmp_path: Path) -> None:
    folder = write_judged(tmp_path / "judged")
    for kind in EXPORTS:
        assert export(folder, kind, tmp_path / kind).stat().st_size > 500
    assert "judge: judge-model@2" in (tmp_path / "markdown").read_text(encoding="utf-8")


def test_unknown_kind_names_the_kinds(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one of csv, latex, markdown, lm-eval"):
        export(folder, "excel", tmp_path / "x")


def test_bleu_and_chrf_are_out_of_100_for_lm_eval() -> None:
    row = {"task": "flores", "language": "sw", "low": 0.2, "high": 0.4, "n": 9}
    rows = [row | {"metric": m, "value": 0.3} for m in ("spbleu", "chrf++", "accuracy")]
    cell = as_lm_eval({"model": "m", "results": rows})["results"]["flores_sw"]
    assert cell["spbleu,none"] == pytest.approx(30)
    assert cell["chrf++_stderr,none"] == pytest.approx(20 / 3.92, rel=1e-3)
    assert cell["acc,none"] == pytest.approx(0.3)


def test_lm_eval_prints_our_json(folder: Path, tmp_path: Path) -> None:
    utils = pytest.importorskip("lm_eval.utils", reason="lm-eval is not installed")
    pytest.importorskip("pytablewriter", reason="lm-eval's tables need pytablewriter")
    results = read_results(folder)
    content = json.loads(export(folder, "lm-eval", tmp_path / "r.json").read_text())
    table = utils.make_table(content)
    for row in results["results"]:
        name = f"{row['task']}_{row['language']}"
        if row["value"] is None or row["metric"] != "accuracy":
            continue
        line = next(ln for ln in table.splitlines() if re.search(rf"\b{name}\s*\|", ln))
        assert f"{row['value']:.4f}" in line
        assert "|acc" in line.replace(" ", "")
        assert content["n-samples"][name]["effective"] == row["n"]
        assert content["n-shot"][name] == 8
    assert f"mgsm_{UNKNOWN}" not in table
    groups = utils.make_table(content, "groups")
    assert "mgsm" in groups
    assert content["model_name"] == "new"
    assert content["config"]["model_args"]["revision"] == "1a2b"


def test_keys_are_those_that_lm_eval_declares(folder: Path) -> None:
    schema = pytest.importorskip("lm_eval.result_schema", reason="lm-eval is not installed")
    assert set(as_lm_eval(read_results(folder))) <= set(schema.EvalResults.__annotations__)
