"""`isoglot inspect`: what a source holds, and what a run would refuse, before it runs."""

import json

import pytest
from published import published

import isoglot
from isoglot.core.language_sets import expand
from isoglot.core.own_rows import preference_of, read_own_rows
from isoglot.core.row_sources import FileRowsConfig
from isoglot.line.inspection import inspect_rows
from isoglot.recipe.sources import named_source

ROWS = [
    {"id": 1, "instruction": "Where is the river?", "output": "There.", "lang": "en"},
    {"id": 1, "instruction": "¿Dónde está el río?", "output": "Allí.", "lang": "es"},
    {"id": 2, "instruction": "Name a tree.", "output": "", "lang": "en"},
    {"id": 2, "instruction": "Nombra un árbol.", "output": "Roble.", "lang": "es"},
    {"id": 3, "instruction": " ", "output": "Roble.", "lang": "es"},
    {"id": 4, "instruction": "Hej", "output": "Hej.", "lang": "xx"},
]


def test_form_languages_columns_examples_and_refusals():
    found = isoglot.inspect(ROWS)
    assert (found.num_rows, found.use) == (6, "demonstrations")
    assert found.forms == {"prompt-completion, Alpaca": 3, "prompt-only, Alpaca": 1}
    assert found.uses == {"prompts": 4, "demonstrations": 3, "preferences": 0}
    assert (found.languages, found.is_identified, found.num_unsure) == (
        {"en": 2, "es": 2},
        False,
        0,
    )
    assert found.columns == {"instruction": "prompt", "output": "completion", "lang": "language"}
    assert (found.unused, found.parallel) == (["id"], "id")
    assert [each.language for each in found.examples] == ["en", "es", "es"]
    assert found.examples[0].answers == {"completion": "There."}
    reasons = {each.reason: each.num_rows for each in found.refused}
    assert reasons == {"empty prompt": 1, "unknown language 'xx'": 1, "no answer": 1}
    assert found.refused[-1].first.startswith("a list of 6 rows, row 3: expected the assistant's")


def test_languages_are_identified_where_no_column_says():
    rows = [{"prompt": row["instruction"]} for row in ROWS[:4]] + [{"prompt": "12 + 3 = 15"}]
    found = isoglot.inspect(rows, languages=["en", "es", "de"])
    assert found.is_identified
    assert set(found.languages) <= {"en", "es"}
    assert sum(found.languages.values()) + found.num_unsure == 5
    assert found.num_unsure >= 1


def test_prompts_in_another_language_than_the_column_says_are_noticed(isoglot, tmp_path):
    rows = [{"query": row["instruction"], "lang": "sw"} for row in ROWS[:4]]
    rows += [{"query": row["instruction"], "lang": row["lang"]} for row in ROWS[:4]]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, printed, err = isoglot("inspect", file, "--languages", "en,es,sw")
    assert (code, err) == (0, "")
    assert printed.count("check ") == 1
    assert "check      many rows of sw are in " in printed


def test_files_that_are_named_by_language_are_noticed(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for tag, text in (("en", "Where is the old house?"), ("es", "¿Dónde está la casa vieja?")):
            row = json.dumps({"id": folder, "prompt": text})
            (tmp_path / folder / f"{tag}.jsonl").write_text(f"{row}\n")
    (tmp_path / "a/en.jsonl").write_text('{"id": "a", "prompt": "12 + 3"}\n')
    found = isoglot.inspect(tmp_path)
    assert found.by_file == f"{tmp_path}/*/{{language}}.jsonl"
    assert found.examples[0].language == "", "unsure, and said to be"
    again = isoglot.inspect(found.by_file)
    assert (again.languages, again.by_file, again.parallel) == ({"en": 2, "es": 2}, None, "id")


def test_settings_are_those_of_a_source():
    rows = [{"q": "Hi", "a": "Hello", "keep": "yes"}, {"q": "Bye", "keep": "no"}]
    assert isoglot.inspect(rows).forms == {}
    settings = {"columns.prompt": "q", "language": "en", "where": {"keep": ["yes"]}}
    assert isoglot.inspect(rows, settings).uses["prompts"] == 1
    with pytest.raises(isoglot.InputError, match=r"unknown key 'promt'; did you mean 'prompt'"):
        isoglot.inspect(rows, {"columns.promt": "q"})


def test_the_command_prints_it_and_its_json(isoglot, tmp_path):
    file = tmp_path / "own.jsonl"
    file.write_text("".join(json.dumps(row | {"x": "\x1b[2J"}) + "\n" for row in ROWS))
    code, printed, err = isoglot("inspect", file)
    assert (code, err) == (0, "")
    for line in (
        "form       prompt-completion, Alpaca 3, prompt-only, Alpaca 1\n",
        "makes      4 prompts, 3 demonstrations, 0 preferences\n",
        "languages  en 2, es 2\n",
        "columns    instruction → prompt, output → completion, lang → language\n",
        "unused     id, x\n",
        "set family=[id]\n",
        "  prompt   ¿Dónde está el río?\n",
        "refused    3 rows, as demonstrations; mend them, or leave them out with skip_refused=true",
        f"  1        empty prompt: {file}, row 5: ",
    ):
        assert line in printed
    assert "\x1b" not in printed
    code, printed, _ = isoglot("inspect", file, "--as", "prompts", "--json")
    found = json.loads(printed)
    assert (code, found["use"], len(found["refused"])) == (0, "prompts", 2)
    code, _, err = isoglot("inspect", tmp_path / "none.jsonl")
    assert (code, "none.jsonl: expected a file or a glob" in err) == (2, True)


def test_columns_that_are_not_understood_are_named(isoglot, tmp_path):
    (tmp_path / "odd.csv").write_text("premise,label\nIt rains,1\n")
    code, printed, _ = isoglot("inspect", tmp_path / "odd.csv")
    assert code == 0
    assert "form       not understood\n" in printed
    assert "came premise, label; name those that hold the text in `columns`" in printed


LARGE = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "form", "use"),
    [
        ("preference_demo/dpo_en_demo.jsonl.gz", "preference, conversational, ShareGPT", 2),
        ("preference_demo/kto_en_demo.jsonl.gz", "unpaired preference, conversational", 1),
        ("preference_demo/alpaca_zh_demo.jsonl.gz", "prompt-completion, Alpaca", 1),
        ("self_instruct/seed_tasks.jsonl.gz", "prompt-completion, Alpaca", 1),
        ("hh_rlhf/harmless_base_test.jsonl.gz", "preference, conversational", 2),
        ("alpagasus_x11/llama3_8b_en_outputs_with_fr_translation.jsonl.gz", "prompt-completion", 1),
        pytest.param(
            "alpagasus_x11/prompts.jsonl.gz", "prompt-only, Alpaca", 0, marks=pytest.mark.slow
        ),
        ("x_alpacaeval/prompts.jsonl.gz", "prompt-only, Alpaca", 0),
        ("lcb/prompts.jsonl.gz", "prompt-only", 0),
        ("mt_bench_x/question.de.jsonl", "prompt-only", 0),
        ("m_ifeval/input.fr.jsonl.gz", "prompt-only", 0),
        ("mgsm/mgsm.jsonl.gz", "prompt-completion", 1),
        ("msvamp/msvamp.jsonl.gz", "prompt-completion", 1),
        pytest.param("ntrex/ntrex.jsonl.gz", "language modelling", 1, marks=LARGE),
        ("sib200/sib200_dev.jsonl.gz", "language modelling", 1),
    ],
)
def test_published_sets_are_understood(name, form, use):
    found = inspect_rows(named_source(published(name)), expand(["xllms-100"]))
    assert set(found.forms) == {form}
    makes = [found.uses[each] > 0 for each in ("prompts", "demonstrations", "preferences")]
    assert makes == [place <= use for place in range(3)]
    assert found.languages
    assert sum(found.forms.values()) + sum(r.num_rows for r in found.refused) >= found.num_rows


def test_hh_rlhf_is_read_as_its_own_reader_does():
    from isoglot.rewards.preference_sets import read_preference_set

    path = published("hh_rlhf/harmless_base_test.jsonl.gz", whole=True)
    source = FileRowsConfig(path=str(path), language="en", skip_refused=True)
    found = [(p.prompt, p.chosen_text) for p in read_own_rows(source, preference_of)]
    own = read_preference_set("hh_rlhf", path.parents[1])
    assert set(map(repr, found)) <= {repr((tuple(p.prompt), p.chosen_text)) for p in own}
    assert len(found) > 0.99 * len(own)
