"""The grid of a study: which cells there are, and one clear line for a file that cannot be run."""

import re
from pathlib import Path

import pytest

from isoglot.commands.main import main
from isoglot.recipe.loading import packaged
from isoglot.study.grid import cells_of, compared_cells, load_study

STUDY = """
name: grid
recipe: lidr-lab
seeds: [1, 2, 3]
task: lab_math
axes:
  method:
    dpo:
    sft: {train: {method: sft}}
  data:
    EN-1: {languages: [en], pair.method: best_vs_worst, score: {scorers: [{kind: length}]}}
    ML-3: {languages: [en, sw, it], prompts.num_families: 400}
    1200: {size: 1200}
skip: [{method: sft, data: 1200}]
findings:
  - {claim: more help, better: {data: [ML-3, 1200]}, than: {data: EN-1}, languages: unseen}
"""
ALL = ["en", "es", "de", "fr", "ru", "sw", "it", "pt", "nl", "sv", "id", "zh-Hans"]


@pytest.fixture
def written(tmp_path):
    def write(*changes: tuple[str, str]) -> Path:
        text = STUDY
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "grid.yaml").write_text(text)
        return tmp_path / "grid.yaml"

    return write


def test_cells_are_the_product_of_the_axes_without_what_is_skipped(written):
    cells = cells_of(load_study(str(written())))
    names = ["dpo+EN-1", "dpo+ML-3", "dpo+1200", "sft+EN-1", "sft+ML-3"]
    assert [cell.name for cell in cells] == names
    for cell in cells:
        assert list(cell.recipes) == [1, 2, 3]
        assert [recipe.seed for recipe in cell.recipes.values()] == [1, 2, 3]
        assert cell.recipe.train.method == cell.values["method"]


def test_every_cell_is_evaluated_in_all_languages_and_trains_on_its_own(written):
    cells = {cell.name: cell for cell in cells_of(load_study(str(written())))}
    for cell in cells.values():
        assert sorted(cell.recipe.all_languages) == sorted(ALL)
    assert cells["dpo+EN-1"].languages == ("en",)
    assert cells["dpo+ML-3"].languages == ("en", "sw", "it")
    assert "it" not in cells["dpo+ML-3"].recipe.unseen_languages


def test_a_value_may_be_another_recipe_which_the_other_axes_change(written):
    rloo = "rloo: {recipe: rlhf-lab-rloo, prompts.grader: last_number}"
    path = written(("sft: {train: {method: sft}}", rloo), ("method: sft, ", "method: rloo, "))
    cells = {cell.name: cell.recipe for cell in cells_of(load_study(str(path)))}
    assert {recipe.name for recipe in cells.values()} == {"lidr-lab", "rlhf-lab-rloo"}
    recipe = cells["rloo+EN-1"]
    assert recipe.train.method == "rloo"
    assert recipe.prompts.grader == "last_number"
    assert recipe.languages == ("en",)
    assert cells["rloo+ML-3"].prompts.num_families == 400
    assert sorted(recipe.all_languages) == sorted(ALL)


def test_the_size_is_families_times_languages_unless_it_is_said(written):
    sizes = {cell.name: cell.size for cell in cells_of(load_study(str(written())))}
    assert sizes["dpo+EN-1"] == 1000
    assert sizes["dpo+ML-3"] == 400 * 3
    assert sizes["dpo+1200"] == 1200


def test_a_finding_compares_cells_that_agree_on_the_other_axes(written):
    study = load_study(str(written()))
    pairs = [
        ([cell.name for cell in better], [cell.name for cell in than])
        for better, than in compared_cells(study.findings[0], cells_of(study))
    ]
    assert pairs == [
        (["dpo+ML-3", "dpo+1200"], ["dpo+EN-1"]),
        (["sft+ML-3"], ["sft+EN-1"]),
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seeds: [1, 2, 3]", "seeds: []", "seeds: .*at least 1 item"),
        ("seeds: [1, 2, 3]\n", "", "seeds: Field required"),
        ("seeds: [1, 2, 3]", "seeds: [1, 1]", "seeds: 1 is there twice; leave one out"),
        ("task: lab_math", "task: lab_maths", "no task 'lab_maths' in `evaluate`; did you mean"),
        ("recipe: lidr-lab", "recipe: lidr-lap", "no recipe 'lidr-lap'.*did you mean 'lidr-lab'"),
        ("skip: [{method", "skip: [{metod", "skip: no axis 'metod'; did you mean 'method'?"),
        ("better: {data", "better: {dat", "findings: no axis 'dat'; did you mean 'data'?"),
        ("than: {data: EN-1}", "than: {data: EN1}", "no value 'EN1' on axis 'data'; did you"),
        ("size: 1200", "languges: [en]", "dpo.1200: .*'languges'; did you mean 'languages'"),
        ("size: 1200", "size: much", "dpo.1200: size: expected a number, got 'much'"),
        ("size: 1200", "recipe: lidr-lap", "dpo.1200: .*'lidr-lap'.*did you mean 'lidr-lab'"),
        ("size: 1200", "recipe: [a]", "dpo.1200: recipe: expected the name of one, got"),
        ("size: 1200", "seed: 1200", "dpo.1200: expected no key seed, which `seeds` sets"),
        ("size: 1200", "train: null, rounds: 1", "dpo.1200: expected a recipe that trains"),
        ("size: 1200", "prompts.num_familys: 3", "dpo.1200: .*'num_familys'; did you mean"),
        ("size: 1200", "train.training.lerning_rate: 1", "dpo.1200: .*'lerning_rate' in"),
        ("    1200: {size", "    ML-3: {size", 'study .* is not YAML: .*duplicate key "ML-3"'),
        ("    1200: {size", "    a/b: {size", "axes.data.a/b.*: String should match pattern"),
        ("skip: [{method: sft, data: 1200}]", "skip: [{}]", "skip: expected some cell that is run"),
        ("[{method: sft, data: 1200}]", "[{data: EN-1}]", "'more help' compares nothing"),
        ("languages: unseen", "languages: [fi]", "no cell is evaluated in 'fi'"),
        ("languages: unseen", "more_than_in: [fi]", "no cell is evaluated in 'fi'"),
        ("languages: unseen", "languages: seen", "findings.0.languages"),
        ("languages: unseen", "margin: -1", "findings.0.margin: .*greater than or equal to 0"),
        ("task: lab_math", "task: lab_math\njudges: [orakle]", "judges.0: .*'orakle'.*'oracle'"),
        ("task: lab_math", "task: lab_math\njudges: [oracle, oracle]", "'oracle' names two"),
        (
            "task: lab_math",
            "task: lab_math\njudges: [{kind: reward_model, path: /no/model}]",
            "got '/no/model', where no folder exists",
        ),
        (
            "task: lab_math",
            "task: lab_math\njudges: [{kind: gold, grader: last_numbr}]",
            "judges: no grader 'last_numbr'; expected one of last_number",
        ),
        ("task: lab_math", "task: lab_math\njudge: oracle", "unknown key 'judge'; did you"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_be_run_is_one_line_and_nothing_runs(
    old, new, words, written, tmp_path, capsys
):
    with pytest.raises(SystemExit) as ended:
        main(["study", str(written((old, new))), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(words, error), error
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read study .*correct the path"):
        load_study(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("name", packaged("study"))
def test_each_study_of_the_package_loads(name):
    study = load_study(name)
    assert study.name == name
    assert len(study.seeds) >= 3  # what a claim needs
    assert all(cell.recipe.num_trainings for cell in cells_of(study))


def test_a_study_that_the_package_has_not():
    with pytest.raises(ValueError, match=r"no study 'rlhf-labb'.*did you mean 'rlhf-lab'"):
        load_study("rlhf-labb")
