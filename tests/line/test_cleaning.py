"""The stage that cleans, on its line: what it drops, counts, shows, and when it is made again."""

import json

import pytest
from tiny_run import mtimes

from isoglot.core.records import Demonstration, Dropped
from isoglot.core.store import DROPPED, read_shard, shard_paths
from isoglot.line.pipeline import run_recipe
from isoglot.recipe.recipe import Recipe
from isoglot.report.pages.run import write_report
from isoglot.report.pages.run_data import cleaning_table, overlap_table
from isoglot.report.pages.run_notes import empty_languages

QUESTION = {
    "en": "Why does the old lighthouse keeper write a letter to his daughter every single evening?",
    "sw": "Kwa nini mlinzi mzee wa mnara wa taa humwandikia binti yake barua ndefu kila jioni?",
    "ja": "年老いた灯台守はなぜ毎晩、遠くに住む娘に長い手紙を書いてから明かりを灯すのですか。",
}
OTHERS = {
    "en": ["How do bees find flowers in the rain?", "Name three rivers that end in a desert.",
           "Name three rivers, that end in a desert!"],
    "sw": ["Nyuki hupataje maua wakati wa mvua?", "Taja mito mitatu inayoishia jangwani.",
           "taja mito mitatu inayoishia jangwani"],
    "ja": [],
}  # fmt: skip


def lines(path, rows):
    told = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(told), encoding="utf-8")
    return str(path)


def recipe_of(folder, policy, languages=tuple(QUESTION), **keys):
    asked = [
        {"id": f"{tag}{place}", "lang": tag, "prompt": text, "answer": f"{text[:-1]}: 1, 2, 3."}
        for tag in languages
        for place, text in enumerate([*OTHERS[tag], f"1) {QUESTION[tag].upper()}"])
    ]
    held_out = [{"id": "q", "lang": tag, "prompt": QUESTION[tag], "gold": "7"} for tag in languages]
    columns = {"prompt": "prompt", "language": "lang"}
    source = {"kind": "file", "path": lines(folder / "asked.jsonl", asked), "family": ["id"],
              "columns": {**columns, "completion": "answer"}}  # fmt: skip
    task = {"name": "held_out", "num_families": None, "decoding": {"max_new_tokens": 2},
            "prompts": {"kind": "file", "path": lines(folder / "held.jsonl", held_out),
                        "family": ["id"], "columns": {**columns, "gold": "gold"}}}  # fmt: skip
    values = {
        "name": "cleaned", "languages": list(languages), "families_per_shard": 4,
        "policy": {"engine": "transformers", "path": str(policy), "device": "cpu"},
        "prompts": {"source": source, "parallel": False},
        "samplers": [{"kind": "source"}], "route": {"max_off_target_rate": 1},
        "evaluate": {"tasks": [task]},
    }  # fmt: skip
    return Recipe.model_validate(values | keys)


@pytest.fixture(scope="module")
def cleaned(tiny_policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cleaned")
    summary = run_recipe(recipe_of(folder, tiny_policy), folder / "run", silent=True)
    return folder, summary


def test_duplicates_and_evaluation_items_are_dropped_and_counted(cleaned):
    folder, summary = cleaned
    stage = folder / "run/round-0/clean"
    shards = shard_paths(stage)
    assert len(shards) > 1
    kept = [row for path in shards for row in read_shard(path, Demonstration)]
    dropped = [row for path in shards for row in read_shard(stage / DROPPED / path.name, Dropped)]
    assert sorted((row.language, row.reason) for row in dropped) == [
        ("en", "contaminated"), ("en", "near_duplicate"), ("ja", "contaminated"),
        ("sw", "contaminated"), ("sw", "near_duplicate"),
    ]  # fmt: skip
    told = summary.rounds[0].cleaned
    assert told.empty_languages == ["ja"]
    assert told.by_language["sw"].model_dump() == {
        "kept": 2, "dropped": {"contaminated": 1, "near_duplicate": 1},
    }  # fmt: skip
    assert sum(row.kept for row in told.by_language.values()) == len(kept) == 4
    rates = {row.language: row.rate for row in told.contamination}
    assert rates == {"en": 0.25, "sw": 0.25, "ja": 1.0}


def test_the_page_and_the_console_say_so(cleaned):
    folder, summary = cleaned
    page = write_report(folder / "run").read_text(encoding="utf-8")
    assert "Evaluation items found in demonstrations" in page
    assert "no demonstration is left in Japanese" in page
    assert [len(make(summary).rows) for make in (cleaning_table, overlap_table)] == [3, 3]
    assert empty_languages(summary) == ["Round 0: no demonstration is left in Japanese"]


def test_what_stands_is_not_made_again_and_what_is_lost_is(cleaned, tiny_policy):
    folder, summary = cleaned
    stage = folder / "run/round-0/clean"
    before = {path.name: path.read_bytes() for path in shard_paths(stage)}
    times = mtimes(stage)
    run_recipe(recipe_of(folder, tiny_policy), folder / "run", silent=True)
    assert mtimes(stage) == times
    (stage / "done.json").unlink()
    shard_paths(stage)[1].unlink()
    again = run_recipe(recipe_of(folder, tiny_policy), folder / "run", silent=True)
    assert {path.name: path.read_bytes() for path in shard_paths(stage)} == before
    assert [name for name in times if mtimes(stage)[name] != times[name]] == [
        shard_paths(stage)[1].name, f"dropped/{shard_paths(stage)[1].name}",
    ]  # fmt: skip
    assert again.rounds[0].cleaned == summary.rounds[0].cleaned


def test_only_what_is_asked_decides_what_is_clean(cleaned, tiny_policy):
    folder, _ = cleaned
    task = recipe_of(folder, tiny_policy).evaluate.tasks[0].model_dump() | {"cut_off": "graded"}
    times = mtimes(folder / "run/round-0/clean")
    graded = {"evaluate": {"tasks": [task]}}
    run_recipe(recipe_of(folder, tiny_policy, **graded), folder / "run", silent=True, redo=True)
    assert mtimes(folder / "run/round-0/clean") == times
    stricter = recipe_of(folder, tiny_policy, clean={"max_similarity": 0.5}, **graded)
    with pytest.raises(ValueError, match=r"clean.max_similarity = 0.8 \(now 0.5\)"):
        run_recipe(stricter, folder / "run", silent=True)


def test_nothing_left_stops_the_run_before_anything_is_written(tiny_policy, tmp_path):
    recipe = recipe_of(tmp_path, tiny_policy, languages=["ja"])
    with pytest.raises(ValueError, match="clean: expected rows to train on, of 1 none is left"):
        run_recipe(recipe, tmp_path / "run", silent=True)
    assert [path.name for path in (tmp_path / "run/round-0/clean").iterdir()] == ["stage.json"]
