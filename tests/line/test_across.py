"""The line on prompts that ask across languages, and what is told of it."""

import json

import pytest
from tiny_run import tiny_recipe

from isoglot.core.records import Completion, Graded, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.line.pipeline import run_recipe
from isoglot.planning.plan import plan_of
from isoglot.recipe.recipe import Recipe
from isoglot.report.pages.run import write_report
from isoglot.report.pages.run_results import direction_tables
from isoglot.report.results.summary import RunSummary

ACROSS = (
    "{pairs_per_family: 5, directions: ['high->high', 'high->low', 'low->high'], "
    "ask: '{prompt} [{own_name}]'}"
)
LINE = (
    "rounds=1", "unseen_languages=[]", f"prompts.cross_lingual={ACROSS}", "translate=null",
    "pair={method: best_vs_worst, chosen_language: not_wrong}", "generate.sampling.num_samples=2",
    "generate.sampling.temperature=1.0", "evaluate.validation=null",
    "score={scorers: [{kind: length}, {kind: language_match, weight: 0}]}",
    "train.training.max_steps=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def across_run(tiny_policy, tmp_path_factory):
    out = tmp_path_factory.mktemp("across") / "run"
    recipe = tiny_recipe(tiny_policy, *LINE)
    task = recipe.evaluate.tasks[0].model_dump()
    values = recipe.model_dump() | {
        "evaluate": {"tasks": [task | {"cross_lingual": recipe.prompts.cross_lingual.model_dump()}]}
    }
    recipe = Recipe.model_validate(values)
    run_recipe(recipe, out, silent=True)
    return recipe, out


@pytest.fixture(scope="module")
def across_folder(across_run):
    return across_run[1]


def rows_of(folder, kind):
    return [row for path in shard_paths(folder) for row in read_shard(path, kind)]


def test_what_is_answered_is_asked_across(across_folder):
    prompts = rows_of(across_folder / "round-0/cross_lingual", Prompt)
    asked = {(p.family, p.prompt_id): p for p in prompts}
    assert len(asked) == len(prompts) == 8 * 5
    completions = rows_of(across_folder / "round-0/score", Completion)
    assert len(completions) == 2 * len(prompts)
    for row in completions:
        assert row.language == asked[row.family, row.prompt_id].answer_language
    assert (
        {p.language for p in prompts} == {p.answer_language for p in prompts} == {"en", "es", "sw"}
    )
    assert not (across_folder / "round-0/translate").exists()


def test_results_go_by_direction_and_by_the_language_of_the_answer(across_folder):
    summary = json.loads((across_folder / "summary.json").read_text())
    folder = across_folder / "round-0/evaluate/lab_math"
    graded = [
        row for row in read_shard(folder / "graded.parquet", Graded) if row.metric == "accuracy"
    ]
    for entry in summary["rounds"]:
        rows = [row for row in entry["directions"] if row["metric"] == "accuracy"]
        assert {row["language"] for row in rows} == {"high→high", "high→low", "low→high", "same"}
        assert sum(row["n"] + row["unknown"] for row in rows) == len(graded) == 6 * 5
        told = [row for row in entry["answer_languages"] if row["metric"] == "accuracy"]
        assert {row["language"] for row in told} == {"en", "es", "sw"}
        assert sum(row["n"] + row["unknown"] for row in told) == len(graded)
    assert all("change" in row for row in summary["rounds"][1]["directions"] if row["n"])
    pairs = summary["rounds"][0]["pairs"]
    assert sum(pairs["pair_types"].values()) == pairs["kept"]
    page = write_report(across_folder).read_text()
    assert "by direction" in page
    assert "High → low" in page
    tables = direction_tables(RunSummary.read_from(across_folder))
    assert [len(table.rows) for table in tables] == [4, 4], "accuracy and LC&Acc"


def test_the_plan_counts_what_the_run_asks(across_run):
    recipe, folder = across_run
    plan = {
        row["stage"]: row
        for row in plan_of(recipe).model_dump()["works"]
        if row["unit"] != "scores"
    }
    for stage in ("prompts", "cross_lingual", "generate", "evaluate/lab_math"):
        done = json.loads((folder / "round-0" / stage / "done.json").read_text())
        assert plan[stage]["num"] == done["counts"]["rows"], stage
        assert plan[stage]["is_exact"]
    kept = json.loads((folder / "round-0/pair/done.json").read_text())["counts"]["kept"]
    assert 0 < kept <= plan["pair"]["num"] == 8 * 5


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            ["pair.method=translated_vs_direct", "pair.chosen_language=any", "translate={}"],
            "not translated",
        ),
        (["score.scorers=[length]"], "needs the scorer language_match"),
        (["score.gates=[wrong_language]"], "leave one of them out"),
        (["prompts.cross_lingual.directions=[up]"], "unknown direction 'up'"),
        (["languages=[en, es]"], "high→low has 0 pairs"),
    ],
)
def test_what_cannot_be_asked_or_ranked_is_one_line(tiny_policy, tmp_path, settings, why):
    with pytest.raises(ValueError, match=why) as error:
        run_recipe(tiny_recipe(tiny_policy, *LINE, *settings), tmp_path / "run", silent=True)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()
