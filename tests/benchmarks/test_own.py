"""A benchmark of the user's own is a YAML file; the example of the documentation runs."""

import json
from pathlib import Path

import pytest

import isoglot
from isoglot.benchmarks.examples import read_examples
from isoglot.recipe.tasks import tasks_of

EXAMPLE = Path(__file__).parents[2] / "docs" / "task.yaml"

CHOICES = """
name: rust
rows: {path: rust.jsonl, columns: {language: tongue, gold: right}, family: [number]}
prompts: {en: "What {verb}?", de: "Was {verb}?"}
choices: {first: a, second: b}
"""
ROWS = [
    {"tongue": "eng", "number": 1, "verb": "rusts", "a": "wood", "b": "iron", "right": "second"},
    {"tongue": "deu", "number": 1, "verb": "rostet", "a": "Holz", "b": "Eisen", "right": "second"},
]


def write(folder: Path, text: str = CHOICES) -> str:
    lines = [json.dumps(row) for row in ROWS]
    (folder / "rust.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "rust.yaml").write_text(text, encoding="utf-8")
    return str(folder / "rust.yaml")


def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    assert isoglot.write_task_prompts(prompts, [str(EXAMPLE)]) == 6
    rows = [json.loads(line) for line in prompts.read_text(encoding="utf-8").splitlines()]
    assert {(row["language"], row["prompt"][0]["content"]) for row in rows} > {
        ("de", "Was ist die Hauptstadt von Frankreich? Antworte nur mit dem Namen."),
        ("en", "What is the capital of France? Answer with its name only."),
        ("sw", "What is the capital of Ufaransa? Answer in sw, with its name only."),
    }
    answers = tmp_path / "answers.jsonl"
    answers.write_text(
        "\n".join(json.dumps({**row, "completion": "paris"}) for row in rows), encoding="utf-8"
    )
    result = isoglot.evaluate(str(answers), [str(EXAMPLE)], out=tmp_path / "out")
    found = {(row.language, row.metric): row.value for row in result.results.results}
    assert {found[tag, "accuracy"] for tag in ("en", "de", "sw")} == {0.5}
    assert {found[tag, "lc_accuracy"] for tag in ("en", "de", "sw")} == {0.5}


@pytest.mark.parametrize("answering", ["likelihood", "generation"])
def test_choices_are_shown_or_scored(tmp_path: Path, answering: str) -> None:
    (task,) = tasks_of([write(tmp_path)], answering=answering)
    english, german = read_examples(task.prompts, ["en", "de"]).examples
    assert english.family == german.family
    if answering == "likelihood":
        assert german.prompt.text == "Frage: Was rostet?\nAntwort:"
        assert german.choices == {"first": " Holz", "second": " Eisen"}
        assert german.prompt.gold == "second"
    else:
        assert "Frage: Was rostet?\nA. Holz\nB. Eisen\nAntwort:" in german.prompt.text
        assert json.loads(german.prompt.gold or "")["label"] == "second"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("choices", "grader: exact\nchoices"), "expected `grader` or `choices`, came both"),
        (("choices", "chioces"), "unknown key 'chioces'.*choices"),
        (("{verb}", "{noun}"), "expected a column 'noun' with a value"),
        (("tongue, gold", "speech, gold"), "expected a column 'speech'"),
        (('en: "What', 'xx: "What'), "xx"),
        (("right}", "a}"), "a of row .* expected first or second, came 'wood'"),
        ((', de: "Was {verb}?"', ""), "expected a prompt in de, came en; add one"),
        (("rust.jsonl", "none.jsonl"), "none.jsonl"),
    ],
)
def test_a_bad_task_is_one_clear_line(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = write(tmp_path, CHOICES.replace(*change))

    def read() -> None:
        (task,) = tasks_of([path])
        read_examples(task.prompts, ["en", "de"])

    with pytest.raises(isoglot.InputError, match=message) as error:
        read()
    assert "\n" not in str(error.value)


def test_what_is_for_published_sets_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(isoglot.InputError, match="expected no data, which is for published sets"):
        tasks_of([path], data=tmp_path)
    with pytest.raises(isoglot.InputError, match=r"expected a task in .*no\.yaml, came no such"):
        tasks_of([str(tmp_path / "no.yaml")])
