"""Open questions are asked word for word, and a second turn follows the model's own answer."""

import pytest
from published import is_whole, published

from isoglot.benchmarks.benchmark import PromptFormat
from isoglot.benchmarks.conversations import content_of, next_turn
from isoglot.benchmarks.dolly import DOLLY
from isoglot.benchmarks.mt_bench import MT_BENCH
from isoglot.benchmarks.rows import RowReader
from isoglot.benchmarks.self_instruct import SELF_INSTRUCT
from isoglot.benchmarks.x_alpacaeval import X_ALPACAEVAL
from isoglot.core.languages import LANGUAGES

OPEN = (DOLLY, MT_BENCH, SELF_INSTRUCT, X_ALPACAEVAL)
QUESTION = {"question_id": "81_DE", "category": "math", "turns": ["Eins?", "Zwei?"]}


@pytest.mark.parametrize("benchmark", OPEN, ids=lambda b: b.name)
def test_they_wait_for_a_judge_and_have_no_shots(benchmark):
    assert benchmark.judged
    assert benchmark.metrics == ()
    assert set(benchmark.languages) <= set(LANGUAGES)
    with pytest.raises(ValueError, match=f"{benchmark.name}: expected 0 shots"):
        benchmark.examples(lambda _: [], "en", PromptFormat(shots=1))


@pytest.mark.parametrize("tag", X_ALPACAEVAL.languages)
def test_prompts_are_the_published_text(tag):
    text = f"{LANGUAGES[tag].own_name}\n - 1. "
    [example] = X_ALPACAEVAL.examples(
        lambda _: [{"index": 7, "instruction": text, "dataset": "koala"}], tag, PromptFormat()
    )
    assert [message["content"] for message in example.prompt.prompt] == [text.strip()]
    assert (example.prompt.family, example.prompt.gold) == ("x_alpacaeval-7", None)


def test_an_input_follows_its_instruction():
    instance = {"input": "a, b\n", "output": "b, a"}
    pairs = {"id": "task_1", "instruction": "Turn it round.", "instances": [instance]}
    lists = {**pairs, "instances": {name: [text] for name, text in instance.items()}}
    bare = {**pairs, "instances": [{"input": "", "output": "ok"}]}
    for row, text in (
        (pairs, "Turn it round.\n\na, b"),
        (lists, "Turn it round.\n\na, b"),
        (bare, "Turn it round."),
    ):
        [example] = SELF_INSTRUCT.examples(lambda _, row=row: [row], "en", PromptFormat())
        assert example.prompt.text == text
        assert example.prompt.gold == row["instances"][0]["output"] if row is not lists else "b, a"


def test_dolly_has_its_target_for_the_judge():
    rows = [{"id": 3, "inputs": "Warum? ", "targets": "Darum."}, {"id": 4, "inputs": "Wo?"}]
    examples = DOLLY.examples(lambda _: rows, "de", PromptFormat())
    assert [example.prompt.gold for example in examples] == ["Darum.", None]


def test_the_second_turn_follows_the_answer():
    row = {**QUESTION, "reference": ["1", "2"]}
    [example] = MT_BENCH.examples(lambda _: [row], "de", PromptFormat())
    [second] = example.follow_ups
    turns = [next_turn(example.prompt, answer, second) for answer in ("Ja.", "Nein.")]
    assert [message["content"] for message in turns[0].prompt] == ["Eins?", "Ja.", "Zwei?"]
    assert [message["role"] for message in turns[0].prompt] == ["user", "assistant", "user"]
    assert turns[0].prompt_id == turns[1].prompt_id != example.prompt.prompt_id
    assert turns[0].family == example.prompt.family == "mt_bench-math-0"
    assert (example.prompt.gold, turns[0].gold) == ("1", "2")
    assert content_of([example]) != content_of(
        MT_BENCH.examples(lambda _: [{**row, "turns": ["Eins?", "Drei?"]}], "de", PromptFormat())
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"turns": "Eins?"}, "expected a list of turns"),
        ({"question_id": "DE"}, "begins with a number"),
        ({"turns": None}, "expected a column 'turns' with a value"),
    ],
)
def test_bad_questions(change, reason):
    with pytest.raises(ValueError, match=reason):
        MT_BENCH.examples(lambda _: [{**QUESTION, **change}], "de", PromptFormat())


@pytest.mark.parametrize(
    ("benchmark", "folder", "tags", "num"),
    [
        (X_ALPACAEVAL, "x_alpacaeval", "ar de en es fr ja ru sw th zh-Hans", 429),
        (MT_BENCH, "mt_bench_x", "de en es fr ja", 80),
        (SELF_INSTRUCT, "self_instruct", "en", 127),
    ],
    ids=["x_alpacaeval", "mt_bench", "self_instruct"],
)
def test_real_questions_are_parallel(benchmark, folder, tags, num):
    data = published(folder)
    families = []
    for tag in tags.split():
        examples = benchmark.examples(RowReader(benchmark, tag, data=data), tag, PromptFormat())
        families.append(sorted(example.prompt.family for example in examples))
        prompts = [p for e in examples for p in (e.prompt, *e.follow_ups)]
        assert len({prompt.prompt_id for prompt in prompts}) == len(prompts)
    assert all(family == families[0] for family in families)
    assert len(families[0]) == (num if is_whole(data) else {"mt_bench": 4}.get(benchmark.name, 20))
