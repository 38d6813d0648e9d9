"""The public API: each example of a docstring runs, and results are objects with types."""

import doctest
import inspect
from pathlib import Path

import pytest
from tiny_run import tiny_recipe

import isoglot

FUNCTIONS = [
    getattr(isoglot, name) for name in isoglot.__all__ if inspect.isfunction(getattr(isoglot, name))
]


@pytest.fixture(scope="module")
def run(tiny_policy, tmp_path_factory):
    out = tmp_path_factory.mktemp("api") / "run"
    return isoglot.run(tiny_recipe(tiny_policy), {"seed": 3}, rounds=1, out=out, silent=True)


def test_a_run_gives_its_table_its_rows_its_pairs_its_policy_and_its_page(run):
    assert (run.summary.seed, len(run.summary.rounds)) == (3, 2)
    frame = run.to_pandas()
    assert {"round", "task", "metric", "language", "value", "low", "high", "n"} <= {*frame.columns}
    assert set(frame["round"]) == {0, 1}
    assert "Swahili" in run.table().to_markdown()
    pairs = run.pairs(language="sw")
    assert pairs
    assert {pair.answer_language for pair in pairs} == {"sw"}
    assert len(run.pairs()) == run.summary.rounds[0].pairs.kept
    assert run.pairs(round=7) == []
    assert (run.policy / "config.json").exists()
    assert run.report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Swahili" in repr(run)
    assert "<table" in run._repr_html_()


def test_a_run_is_opened_again(run):
    again = isoglot.open_run(run.folder)
    assert again.summary == run.summary
    assert again.policy == run.policy
    with pytest.raises(isoglot.InputError, match="name a run directory"):
        isoglot.open_run(run.folder / "none")


def test_an_evaluation_is_a_mapping_from_task_and_language(tmp_path, tiny_model):
    keys = {"limit": 4, "silent": True, "out": tmp_path / "a", "max_new_tokens": 4}
    result = isoglot.evaluate(str(tiny_model), "lab_math", ["sw", "de"], **keys)
    row = result["lab_math", "sw"]
    assert (row.value, row.n) == (0.0, 4)
    assert row.low <= row.value <= row.high
    assert list(result) == [("lab_math", "de"), ("lab_math", "sw")]
    with pytest.raises(KeyError, match="expected a task and a language among 'lab_math', 'de'"):
        result["lab_math", "en"]
    assert len(result.to_pandas()) == 8, "accuracy, LC&Acc and two language faults of two languages"
    assert "Swahili" in repr(result)
    assert "<table" in result._repr_html_()
    assert isoglot.open_evaluation(tmp_path / "a").results == result.results
    other = isoglot.evaluate(
        str(tiny_model),
        ["lab_math"],
        ["sw", "de"],
        limit=4,
        baseline=result,
        out=tmp_path / "b",
        silent=True,
        max_new_tokens=4,
    )
    assert other["lab_math", "sw"].change == 0.0


def test_bad_input_is_an_input_error(tmp_path):
    with pytest.raises(isoglot.InputError, match="did you mean 'lidr-lab'"):
        isoglot.run("lidr-labb", out=tmp_path)
    with pytest.raises(isoglot.InputError, match="lidr-lab: unknown key 'seeds'"):
        isoglot.run("lidr-lab", seeds=2, out=tmp_path)
    with pytest.raises(isoglot.InputError, match="lab_math: expected no shots"):
        isoglot.evaluate("lab", "lab_math", ["sw"], shots=2)
    with pytest.raises(isoglot.InputError, match=r"pair: .*best_vs_worst"):
        isoglot.pair([], [], method="best")


def test_the_language_of_texts():
    texts = ["Habari za asubuhi, karibu sana nyumbani", "Good morning, you are very welcome"]
    assert isoglot.identify(texts, languages=["sw", "en"]) == ["sw", "en"]
    assert isoglot.identify(["…"], languages=["sw", "en"]) == [None]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
def test_every_function_has_types_and_an_example(function):
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter
    assert doctest.DocTestFinder().find(function, globs={})[0].examples, function.__doc__


@pytest.mark.slow
def test_the_examples_run(tmp_path, monkeypatch):
    """In their order, in one folder, with what they print compared where they say what it is."""
    monkeypatch.chdir(tmp_path)
    context = {"isoglot": isoglot, "Path": Path}
    order = {
        "run": 0,
        "open_run": 1,
        "evaluate": 2,
        "open_evaluation": 3,
        "judge": 4,
        "write_report": 5,
    }
    for function in sorted(FUNCTIONS, key=lambda each: order.get(each.__name__, 9)):
        (test,) = doctest.DocTestFinder(recurse=False).find(function, globs={})
        for example in test.examples:
            code = example.source.strip()
            try:
                value = eval(compile(code, function.__name__, "eval"), context)
            except SyntaxError:
                value = exec(compile(code, function.__name__, "exec"), context)
            if example.want:
                assert repr(value) == example.want.strip(), code


def test_files_of_completions_have_no_task(tmp_path):
    (tmp_path / "a.jsonl").write_text("{}")
    with pytest.raises(ValueError, match="expected no task for files of completions"):
        isoglot.judge(tmp_path / "a.jsonl", tmp_path / "a.jsonl", judge="oracle", task="mgsm")


def test_a_list_of_pairs_trains_a_policy(tiny_model, tmp_path):
    pairs = [
        {"prompt": f"{i}?", "chosen": f"{i}", "rejected": f"{i + 1}", "lang": "en"}
        for i in range(4)
    ]
    settings = {"max_steps": 1, "logging_steps": 1, "use_cpu": True}
    given = {"settings": settings, "out": tmp_path / "out"}
    policy = isoglot.train_policy("dpo", pairs, str(tiny_model), **given)
    assert (policy / "model.safetensors").exists()
    with pytest.raises(isoglot.InputError, match=r"was made with preferences ="):
        isoglot.train_policy("dpo", pairs[:2], str(tiny_model), **given)
