"""Exports: others' tools read them, nothing is lost, and no text of a model acts in them."""

import csv
import json
import re
from pathlib import Path

import pytest
from made_evaluation import LANGUAGES, UNKNOWN, write_evaluation
from made_judging import write_judged

from isoglot.report.export.formats import EXPORTS, export_results, flat_table, wide_table
from isoglot.report.export.lm_eval import as_lm_eval
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.rows import ResultRow


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_evaluation(tmp_path_factory.mktemp("exported") / "x", baseline="old@9f")


def test_csv_gives_back_every_number(folder: Path, tmp_path: Path) -> None:
    results = Evaluation.read_from(folder)
    path = export_results(folder, "csv", tmp_path / "deep" / "results.csv")
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    rows = [*results.results, *results.groups]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for key in ("value", "low", "high", "change"):
            value = getattr(row, key)
            assert line[key] == ("" if value is None else repr(value))
    unknown = next(line for line in lines if line["language"] == UNKNOWN)
    assert (unknown["value"], unknown["n"]) == ("", "0")


def test_csv_starts_no_formula(folder: Path) -> None:
    results = Evaluation.read_from(folder).model_copy(
        update={"model": "=cmd()", "baseline": "=cmd()"}
    )
    text = flat_table(results).to_csv()
    assert "'=cmd()" in text
    assert ",=cmd()" not in text


def test_latex_is_escaped_and_has_the_rules_of_booktabs(folder: Path) -> None:
    results = Evaluation.read_from(folder)
    rows, groups = (
        [row.model_copy(update={"task": r"50%_of \x{a}&b#$^~"}) for row in part]
        for part in (results.results, results.groups)
    )
    more = {"results": rows, "groups": groups, "model": "one\n\\input{x}"}
    text = wide_table(results.model_copy(update=more)).to_latex()
    body = text.split("\\begin{tabular}", 1)
    assert r"50\%\_of \textbackslash{}x\{a\}\&b\#\$\textasciicircum{}\textasciitilde{}" in body[1]
    assert all(line.startswith("%") for line in body[0].splitlines())
    assert [rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [True] * 3
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({len(re.findall(r"(?<!\\)&", line)) for line in lines}) == 1
    assert len(lines) == 1 + len(LANGUAGES) + 6


def test_no_cell_is_an_argument_of_the_row_before(folder: Path) -> None:
    results = Evaluation.read_from(folder)
    groups = [row.model_copy(update={"group": "[2cm]"}) for row in results.groups]
    text = wide_table(results.model_copy(update={"groups": groups})).to_latex()
    assert not [line for line in text.splitlines() if line.startswith("[")]


def test_markdown_has_one_width_and_pipes_are_escaped(folder: Path) -> None:
    results = Evaluation.read_from(folder)
    rows = [row.model_copy(update={"task": "a|b<i>\n*c*"}) for row in results.results]
    more = {"results": rows, "model": "[x](http://evil)"}
    text = wide_table(results.model_copy(update=more)).to_markdown()
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert r"a\|b\<i\> \*c\*" in table[0]
    assert "[x](" not in text
    assert "shots:8" in text.replace("\\", "")
    assert "n 0 to 20, unknown 0 to 20" in text


def test_unknown_is_a_dash_and_not_zero(folder: Path) -> None:
    text = wide_table(Evaluation.read_from(folder)).to_markdown()
    line = next(line for line in text.splitlines() if "Yoruba" in line)
    assert not re.search(r"\d", line)


def test_judged_comparison_is_exported_too(tmp_path: Path) -> None:
    folder = write_judged(tmp_path / "judged")
    for kind in EXPORTS:
        assert export_results(folder, kind, tmp_path / kind).stat().st_size > 500
    assert "judge: judge-model@2" in (tmp_path / "markdown").read_text(encoding="utf-8")


def test_unknown_kind_names_the_kinds(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one of csv, latex, markdown, lm-eval"):
        export_results(folder, "excel", tmp_path / "x")


def test_bleu_and_chrf_are_out_of_100_for_lm_eval() -> None:
    rows = [
        ResultRow(task="flores", language="sw", metric=m, value=0.3, low=0.2, high=0.4, n=9)
        for m in ("spbleu", "chrf++", "accuracy")
    ]
    cell = as_lm_eval(Evaluation(model="m", results=rows))["results"]["flores_sw"]
    assert cell["spbleu,none"] == pytest.approx(30)
    assert cell["chrf++_stderr,none"] == pytest.approx(20 / 3.92, rel=1e-3)
    assert cell["acc,none"] == pytest.approx(0.3)


def test_lm_eval_prints_our_json(folder: Path, tmp_path: Path) -> None:
    utils = pytest.importorskip("lm_eval.utils", reason="lm-eval is not installed")
    pytest.importorskip("pytablewriter", reason="lm-eval's tables need pytablewriter")
    results = Evaluation.read_from(folder)
    content = json.loads(export_results(folder, "lm-eval", tmp_path / "r.json").read_text())
    table = utils.make_table(content)
    for row in results.results:
        name = f"{row.task}_{row.language}"
        if row.value is None or row.metric != "accuracy":
            continue
        line = next(ln for ln in table.splitlines() if re.search(rf"\b{name}\s*\|", ln))
        assert f"{row.value:.4f}" in line
        assert "|acc" in line.replace(" ", "")
        assert content["n-samples"][name]["effective"] == row.n
        assert content["n-shot"][name] == 8
    assert f"mgsm_{UNKNOWN}" not in table
    groups = utils.make_table(content, "groups")
    assert "mgsm" in groups
    assert content["model_name"] == "new"
    assert content["config"]["model_args"]["revision"] == "1a2b"


def test_keys_are_those_that_lm_eval_declares(folder: Path) -> None:
    schema = pytest.importorskip("lm_eval.result_schema", reason="lm-eval is not installed")
    assert set(as_lm_eval(Evaluation.read_from(folder))) <= set(schema.EvalResults.__annotations__)
