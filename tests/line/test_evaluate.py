"""`isoglot evaluate`: gold scores 1, what stands is kept, and bad input has one line."""

import json
import re
from pathlib import Path

import pytest

from isoglot.commands.main import main
from isoglot.core.records import Choice, Graded, Prompt
from isoglot.core.store import read_shard
from isoglot.line.evaluate import (
    EvaluationRequest,
    evaluate_model,
    write_prompts_file,
)
from isoglot.models.file import FileSamplerConfig
from isoglot.models.local.config import WeightsConfig
from isoglot.recipe.tasks import tasks_of
from isoglot.report.cards.answers import answer_cards
from isoglot.report.pages.evaluation import sentence, write_evaluation_report
from isoglot.report.pages.measures_table import task_table

PROBLEMS = {
    "en": "Ann has {a} apples and buys {b} more. How many does she have?",
    "de": "Anna hat {a} Äpfel und kauft {b} dazu. Wie viele hat sie?",
    "sw": "Anna ana maapulo {a} na ananunua {b} zaidi. Ana mangapi?",
}
CAUSES = {"sw": ("Mvua ilinyesha.", "Barabara ililowa.", "Jua liliwaka.")}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two benchmarks in their published columns, with rows of our own."""
    folder = tmp_path_factory.mktemp("data")
    maths = [
        {"lang": tag, "question": text.format(a=i, b=i + 1), "answer_number": 2 * i + 1}
        for tag, text in PROBLEMS.items()
        for i in range(8)
    ]
    causes = [
        {
            "lang": tag,
            "idx": i,
            "premise": premise,
            "choice1": wet,
            "choice2": dry,
            "question": "effect",
            "label": 0,
            "changed": False,
        }
        for tag, (premise, wet, dry) in CAUSES.items()
        for i in range(4)
    ]
    for name, rows in (("mgsm", maths), ("xcopa", causes)):
        (folder / name).mkdir()
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / name / f"{name}.jsonl").write_text(lines)
    return folder


def request(data, *tasks, languages=("de", "sw"), **options) -> EvaluationRequest:
    made = tasks_of(tasks, data=data, **options)
    return EvaluationRequest(made, languages, families_per_shard=3, silent=True)


def completions(folder, data, answer, name="completions") -> FileSamplerConfig:
    """What a model would have answered that knows `answer` of each prompt."""
    write_prompts_file(request(data, "mgsm"), folder / "questions.jsonl")
    lines = (folder / "questions.jsonl").read_text().splitlines()
    path = folder / f"{name}.jsonl"
    rows = [json.loads(line) for line in lines]
    path.write_text(
        "".join(
            json.dumps({"prompt_id": row["prompt_id"], "completion": answer(row)}) + "\n"
            for row in rows
        )
    )
    return FileSamplerConfig(path=path)


def rows_of(results, metric="accuracy"):
    return {row.language: row for row in results.results if row.metric == metric}


def gold_of(folder):
    """Prompt id → the right number, read off the prompts that an evaluation left."""
    shards = sorted((folder / "mgsm/prompts").glob("part-*.parquet"))
    return {p.prompt_id: p.gold for shard in shards for p in read_shard(shard, Prompt)}


def test_gold_is_right_and_anything_else_wrong(data, tmp_path):
    first = completions(tmp_path, data, lambda _: "?")
    evaluate_model(first, request(data, "mgsm"), tmp_path / "first")
    gold = gold_of(tmp_path / "first")
    perfect = completions(tmp_path, data, lambda row: f"Jibu ni {gold[row['prompt_id']]}.", "right")
    results = evaluate_model(
        perfect, request(data, "mgsm"), tmp_path / "right", baseline=tmp_path / "first"
    )
    for row in rows_of(results).values():
        assert (row.value, row.n, row.unknown) == (1.0, 8, 0)
        assert row.low <= row.value <= row.high
        before = rows_of(evaluate_model(first, request(data, "mgsm"), tmp_path / "first"))
        assert row.change == row.value - before[row.language].value
    groups = {group.group: group for group in results.groups if group.metric == "accuracy"}
    assert groups["mean"].value == groups["worst"].value == 1.0
    assert groups["tier:low"].languages == ["sw"]
    wrong = completions(tmp_path, data, lambda _: "Jibu ni 1000.", "wrong")
    results = evaluate_model(wrong, request(data, "mgsm"), tmp_path / "wrong")
    assert [row.value for row in rows_of(results).values()] == [0.0, 0.0]


def test_off_target_stands_beside_the_accuracy(data, tmp_path):
    swahili = completions(tmp_path, data, lambda _: "Nadhani jibu la swali hili ni saba kabisa.")
    results = evaluate_model(swahili, request(data, "mgsm"), tmp_path / "out")
    off_target = rows_of(results, "off_target_rate")
    assert (off_target["de"].value, off_target["sw"].value) == (1.0, 0.0)
    rows = rows_of(results, "mixed_rate")
    assert (rows["de"].value, rows["sw"].value) == (0.0, 0.0), "wrong as a whole is not mixed"


def test_the_mixed_rate_stands_beside_the_off_target_rate(data, tmp_path):
    text = "我认为 nadhani jibu la swali hili ni saba kabisa."
    mixed = completions(tmp_path, data, lambda _: text)
    results = evaluate_model(mixed, request(data, "mgsm", languages=("sw",)), tmp_path / "out")
    assert rows_of(results, "mixed_rate")["sw"].value == 1.0
    assert rows_of(results, "off_target_rate")["sw"].value in (0.0, None)
    columns = [column.title for column in task_table(results, "mgsm").columns]
    assert columns[-2:] == ["mgsm off-target", "mgsm mixed"]
    page = write_evaluation_report(tmp_path / "out").read_text(encoding="utf-8")
    assert "Mixed, %" in page


@pytest.fixture(scope="module")
def thinking(data, tmp_path_factory):
    """Answers of a model that is right in every language, and thinks in German alone."""
    folder = tmp_path_factory.mktemp("thinking")
    asked = completions(folder, data, lambda _: "?")
    evaluate_model(asked, request(data, "mgsm"), folder / "asked")
    gold = gold_of(folder / "asked")
    answers = {
        "de": "<think>Ich zähle die Äpfel zusammen, <b>einen</b> nach dem anderen.</think>",
        "sw": "<think>Ich zähle die Äpfel zusammen, einen nach dem anderen.</think>",
    }
    right = {"de": "Sie hat insgesamt {} Äpfel.", "sw": "Kwa jumla ana maapulo {} sasa."}

    def answer(row):
        number = gold[row["prompt_id"]]
        return answers[row["language"]] + right[row["language"]].format(number)

    results = evaluate_model(
        completions(folder, data, answer, "thinking"), request(data, "mgsm"), folder / "thinking"
    )
    return folder / "thinking", results


def test_a_thought_in_another_language_is_off_target_and_no_lc_acc(thinking):
    folder, results = thinking
    values = {
        metric: {tag: row.value for tag, row in rows_of(results, metric).items()}
        for metric in ("accuracy", "lc_accuracy", "off_target_rate", "thought_off_target_rate")
    }
    assert values == {
        "accuracy": {"de": 1.0, "sw": 1.0},
        "lc_accuracy": {"de": 1.0, "sw": 0.0},
        "off_target_rate": {"de": 0.0, "sw": 0.0},
        "thought_off_target_rate": {"de": 0.0, "sw": 1.0},
    }
    cards = answer_cards(folder, ["mgsm"], []).cards
    flags = {card.language: card.flag for card in cards}
    assert flags == {"de": "", "sw": "thought off-target"}
    assert all("Äpfel zusammen" in card.sides[0].thought for card in cards)
    assert not any("Äpfel zusammen" in card.sides[0].text for card in cards)
    heads = [column.title for column in task_table(results, "mgsm").columns]
    assert "mgsm thoughts off-target" in heads


def test_choices_by_likelihood_and_the_folder(data, tmp_path, tiny_model):
    model = WeightsConfig(path=str(tiny_model), device="cpu")
    results = evaluate_model(model, request(data, "xcopa", languages=("sw",)), tmp_path)
    row = rows_of(results)["sw"]
    assert (row.n, row.unknown) == (4, 0)
    assert row.signature.startswith("xcopa|")
    assert "likelihood" in row.signature
    shards = sorted((tmp_path / "xcopa/choices").glob("part-*.parquet"))
    choices = [choice for shard in shards for choice in read_shard(shard, Choice)]
    assert len(choices) == 8
    assert all(choice.log_probability < 0 for choice in choices)
    graded = read_shard(tmp_path / "xcopa/graded.parquet", Graded)
    likeliest = max(choices[:2], key=lambda choice: choice.log_probability)
    gold = read_shard(tmp_path / "xcopa/prompts/part-00000.parquet", Prompt)[0].gold
    assert graded[0].value == float(likeliest.label == gold)


def test_what_stands_is_kept_and_graded_again_without_a_model(data, tmp_path, tiny_policy):
    model = WeightsConfig(path=str(tiny_policy), device="cpu")
    maths = request(data, "mgsm", max_new_tokens=4)
    before = evaluate_model(model, maths, tmp_path)
    answers = tmp_path / "mgsm/completions/part-00001.parquet"
    written = answers.stat().st_mtime_ns
    (tmp_path / "mgsm/graded.parquet").unlink()
    assert evaluate_model(model, maths, tmp_path, regrade=True) == before
    (tmp_path / "mgsm/done.json").unlink()
    (tmp_path / "mgsm/completions/part-00000.parquet").unlink()
    assert evaluate_model(model, maths, tmp_path) == before
    assert answers.stat().st_mtime_ns == written


def test_answers_at_the_limit_are_graded_anew_and_the_change_is_recorded(
    data, tmp_path, tiny_policy
):
    model = WeightsConfig(path=str(tiny_policy), device="cpu")
    graded, wrong = (
        request(data, "mgsm", max_new_tokens=2, cut_off=c) for c in ("graded", "wrong")
    )
    unknown = request(data, "mgsm", max_new_tokens=2, cut_off="unknown")
    evaluate_model(model, graded, tmp_path)
    answers = tmp_path / "mgsm/completions/part-00000.parquet"
    written = answers.stat().st_mtime_ns
    rows = rows_of(evaluate_model(model, unknown, tmp_path, regrade=True))
    assert [row.unknown for row in rows.values()] == [8, 8]
    assert rows_of(evaluate_model(model, unknown, tmp_path)) == rows
    with pytest.raises(ValueError, match=r"cut_off = 'unknown' \(now 'wrong'\)"):
        evaluate_model(model, wrong, tmp_path)
    longer = request(data, "mgsm", max_new_tokens=3, cut_off="unknown")
    with pytest.raises(ValueError, match=r"max_new_tokens = 2 \(now 3\): --regrade keeps"):
        evaluate_model(model, longer, tmp_path, regrade=True)
    with pytest.raises(ValueError, match="came both; leave one out"):
        evaluate_model(model, unknown, tmp_path, regrade=True, redo=True)
    assert answers.stat().st_mtime_ns == written


def test_options_hold_for_the_tasks_that_have_them():
    [lab] = tasks_of(["lab_math"], cut_off="unknown", max_new_tokens=7, limit=3)
    assert (lab.cut_off, lab.decoding.max_new_tokens, lab.num_families) == ("unknown", 7, 3)
    by_default = [task.cut_off for task in tasks_of(["lab_math", "mgsm"])]
    assert by_default == ["wrong", "graded"]
    for options in ({"cut_off": "wrong"}, {"max_new_tokens": 7}):
        with pytest.raises(ValueError, match=f"xcopa: expected no {min(options)}, .* leave it out"):
            tasks_of(["xcopa"], **options)
        assert len(tasks_of(["xcopa", "mgsm"], **options)) == 2


def test_choices_are_not_scored_again_for_an_option_of_written_answers(data, tmp_path, tiny_model):
    model = WeightsConfig(path=str(tiny_model), device="cpu")
    tasks = ("xcopa", "mgsm")  # the option is refused where no task writes
    first = request(data, *tasks, languages=("sw",), max_new_tokens=2)
    evaluate_model(model, first, tmp_path)
    scored = tmp_path / "xcopa/choices/part-00000.parquet"
    written = scored.stat().st_mtime_ns
    longer = request(data, *tasks, languages=("sw",), max_new_tokens=3)
    with pytest.raises(ValueError, match=r"mgsm was made with task.decoding.max_new_tokens = 2"):
        evaluate_model(model, longer, tmp_path)
    evaluate_model(model, longer, tmp_path, redo=True)
    assert scored.stat().st_mtime_ns == written


def test_answers_at_a_limit_are_counted_whatever_their_grade(data, tmp_path):
    config = completions(tmp_path, data, lambda _: "7")
    rows = [json.loads(line) for line in config.path.read_text().splitlines()]
    ended = [row | {"ended": "length" if i % 2 else "stop"} for i, row in enumerate(rows)]
    config.path.write_text("".join(json.dumps(row) + "\n" for row in ended))
    config = config.model_copy(update={"finish_reason_column": "ended"})
    results = evaluate_model(config, request(data, "mgsm"), tmp_path / "out")
    assert sum(row.num_cut_off for row in rows_of(results).values()) == 8
    assert {row.max_new_tokens for row in results.results} == {None}, "another's limit is unknown"
    assert sentence(results).endswith("8 of 16 answers were cut at the token limit.")
    known = [row.model_copy(update={"max_new_tokens": 48}) for row in results.results]
    table = task_table(results.model_copy(update={"results": known}), "mgsm")
    assert table.columns[-1].title == "Cut at 48 tokens"
    assert "8 of 16 answers were cut at 48 tokens" in table.caption
    assert sum(row.cells[-1] for row in table.rows if row.tag) == 8


def test_languages_that_the_files_lack_are_named(data, tmp_path):
    config = completions(tmp_path, data, lambda _: "7")
    results = evaluate_model(
        config, request(data, "mgsm", languages=("de", "th", "sw")), tmp_path / "out"
    )
    assert rows_of(results).keys() == {"de", "sw"}
    assert results.left_out == {"mgsm": ["th"]}
    assert results.notes == ["mgsm: no rows in Thai"]
    assert "mgsm: no rows in Thai" in task_table(results, "mgsm").caption
    with pytest.raises(ValueError, match=r"mgsm\[th\]: expected rows with lang 'th'"):
        evaluate_model(config, request(data, "mgsm", languages=("th",)), tmp_path / "th")


def by_text(folder, data, columns, name="texts") -> FileSamplerConfig:
    """Completions without ids: the right answer to each question."""
    write_prompts_file(request(data, "mgsm"), folder / "questions.jsonl")
    lines = (folder / "questions.jsonl").read_text().splitlines()
    rows = []
    for line in lines:
        row = json.loads(line)
        row["prompt"] = row["prompt"][-1]["content"] if "text" in columns else row["prompt"]
        kept = {key: row[key] for key in ("task", "language", "prompt") if key in columns}
        numbers = [int(word) for word in re.findall(r"\d+", str(row["prompt"]))]
        rows.append({**kept, "completion": str(sum(numbers[-2:]))})
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return FileSamplerConfig(path=path)


@pytest.mark.parametrize(
    "columns", [("task", "language", "prompt"), ("prompt", "text"), ("language", "prompt", "text")]
)
def test_completions_are_joined_by_the_text_of_the_question(data, tmp_path, columns):
    config = by_text(tmp_path, data, columns)
    results = evaluate_model(config, request(data, "mgsm"), tmp_path / "out")
    assert [row.value for row in rows_of(results).values()] == [1.0, 1.0]
    assert results.without_answer is None


def test_a_file_that_lacks_what_was_drawn_says_so(data, tmp_path):
    config = completions(tmp_path, data, lambda _: "7")
    lines = config.path.read_text().splitlines(keepends=True)
    config.path.write_text("".join(lines[:-3]))
    results = evaluate_model(config, request(data, "mgsm"), tmp_path / "out")
    assert sum(results.without_answer["mgsm"].values()) == 3
    assert "the file has no completion of 3 questions that were drawn" in results.notes[0]
    other = tmp_path / "other.jsonl"
    other.write_text('{"prompt_id": "?", "completion": "7"}\n')
    with pytest.raises(ValueError, match="questions that were drawn of mgsm, joined by prompt_id"):
        evaluate_model(FileSamplerConfig(path=other), request(data, "mgsm"), tmp_path / "none")


def test_a_sample_has_the_same_questions_in_every_language(data, tmp_path):
    write_prompts_file(request(data, "mgsm", limit=3), tmp_path / "questions.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    numbers = {
        tag: sorted(
            "".join(filter(str.isdigit, row["prompt"][-1]["content"]))
            for row in rows
            if row["language"] == tag
        )
        for tag in ("de", "sw")
    }
    assert len(numbers["de"]) == 3
    assert numbers["de"] == numbers["sw"]


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *map(str, arguments)])
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("isoglot:")]
    return ended.value.code, "\n".join(error)


def test_bad_input_has_one_line(data, tmp_path, tiny_policy, capsys):
    model = WeightsConfig(path=str(tiny_policy), device="cpu")
    few = request(data, "mgsm", max_new_tokens=2, limit=2)
    evaluate_model(model, few, tmp_path / "few")
    other = completions(tmp_path, data, lambda _: "Jibu ni 7.")
    with pytest.raises(ValueError, match=r"holds the results of tiny@.*choose another --out"):
        evaluate_model(other, few, tmp_path / "few")
    with pytest.raises(ValueError, match="expected the same examples on both sides"):
        evaluate_model(other, request(data, "mgsm"), tmp_path / "all", baseline=tmp_path / "few")
    with pytest.raises(ValueError, match=r"has no results of xcopa"):
        evaluate_model(
            model, request(data, "xcopa"), tmp_path / "choices", baseline=tmp_path / "few"
        )
    with pytest.raises(ValueError, match="without --regrade first"):
        evaluate_model(model, request(data, "mgsm"), tmp_path / "new", regrade=True)
    for arguments, message in (
        (["--tasks", "mgms"], "did you mean 'mgsm'"),
        (["--tasks", "mgsm", "--languages", "swahili"], "unknown language 'swahili'"),
        (["--tasks", "mgsm", "--languages", "it"], "mgsm has none of it"),
        (["--tasks", "mgsm", "--data", tmp_path / "nothing"], "nothing"),
        (["--tasks", "mgsm", "--data", data, "--variant", "native"], "native_cot"),
        (
            ["--tasks", "mgsm", "--data", data, "--answering", "likelihood"],
            "expected answering by generation, came likelihood",
        ),
        (
            ["--tasks", "mgsm", "--data", data, "--questions", tmp_path / "bad/q.jsonl"],
            "--questions only writes the prompts, and --out is for their answers",
        ),
    ):
        code, error = command(capsys, tiny_policy, *arguments, "--out", tmp_path / "bad")
        assert code == 2
        assert message in error
        assert "\n" not in error
    assert not list((tmp_path / "bad").rglob("*.parquet"))
