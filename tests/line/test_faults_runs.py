"""The stage that plants wrong answers: what comes after it sees them, and everybody is told."""

import pytest
from tiny_run import tiny_recipe

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Preference
from isoglot.core.store import read_shard, shard_paths
from isoglot.data.faults import with_wrong_number
from isoglot.lab.shipped import POLICY
from isoglot.line.pipeline import run_recipe
from isoglot.planning.plan import plan_of
from isoglot.report.pages.run_notes import notes_of

SHORT = ("rounds=1", "evaluate.validation=null", "evaluate.tasks=[]", "train=null")
TOLD = "100% of answers in the dominant language, 0% of translations"


def rows(folder, record):
    return [row for path in shard_paths(folder) for row in read_shard(path, record)]


def test_pairs_are_made_of_planted_answers_and_the_page_says_so(tmp_path):
    recipe = tiny_recipe(POLICY, *SHORT, "prompts.num_families=8", "faults.dominant=1")
    summary = run_recipe(recipe, tmp_path / "run", silent=True)
    before, after, pairs = (
        rows(tmp_path / "run/round-0" / stage, record)
        for stage, record in (
            ("translate", Completion),
            ("plant", Completion),
            ("pair", Preference),
        )
    )
    assert [row.text != new.text for row, new in zip(before, after, strict=True)] == [
        (row.language == "en") == (row.translated_from is None) and with_number(row.text)
        for row in before
    ]
    chosen = {pair.chosen_text for pair in pairs if pair.language != "en"}
    assert chosen
    assert chosen <= {row.text for row in after}
    assert not {text for text in chosen if with_number(text)} & {row.text for row in before}
    assert f"Wrong numbers were planted on purpose: {TOLD}" in notes_of(summary)


def with_number(text):
    return with_wrong_number(text, 1) != text


def test_planting_is_planned(tiny_policy):
    plan = plan_of(tiny_recipe(tiny_policy, *SHORT, "faults.dominant=1"))
    (generated,) = [work.num for work in plan.works if work.stage == "generate"]
    (translated,) = [work.num for work in plan.works if work.stage == "translate"]
    (planted,) = [work.num for work in plan.works if work.stage == "plant"]
    assert planted == generated + translated
    assert f"wrong numbers are planted: {TOLD}" in plan.notes


def test_training_that_answers_by_itself_has_nothing_to_plant_in(tiny_policy):
    online = ("train.method=rloo", "train.nll=none", "train.training={}", "rounds=1")
    score = "score.scorers=[{kind: gold, grader: last_number}]"
    with pytest.raises(InputError, match="`faults:` plants wrong answers before training"):
        tiny_recipe(tiny_policy, *online, score, "faults.dominant=0.5")
