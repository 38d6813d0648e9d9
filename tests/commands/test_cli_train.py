"""`isoglot train METHOD`: from a user's rows to a policy, and one line for what is wrong."""

import json

import pytest
from tiny_model import CHAT_TEMPLATE
from tiny_run import contents

from isoglot.core.records import PrivilegedPrompt
from isoglot.core.store import read_shard, shard_path, shard_paths, write_shard
from isoglot.train.settings import TrainConfig

FEW = ("--set", "max_steps=1", "--set", "logging_steps=1", "--set", "use_cpu=true")
ONLINE = (
    *("--set", "per_device_train_batch_size=4", "--set", "gradient_accumulation_steps=1"),
    *("--set", "num_generations=2", "--set", "max_completion_length=4"),
    *("--set", "save_strategy=no"),
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.jsonl"
    rows = [
        {"prompt": f"How many of {i}?", "completion": f"{i} \x1b[31m", "language": tag}
        for i in range(3)
        for tag in ("en", "sw", "es")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_becomes_a_policy(isoglot, file, tiny_model, tmp_path):
    command = ("train", "sft", file, "--model", tiny_model, "--out", tmp_path / "out", *FEW)
    mixing = ("--set", "lora.r=2", "--set", "mixing.method=uniform")
    code, out, err = isoglot(*command, *mixing, "--languages", "en,sw")
    assert code == 0, err
    assert "Traceback" not in err
    assert [line.split()[0] for line in out.splitlines()] == ["en", "sw", "policy:"]
    summary = json.loads((tmp_path / "out/train.json").read_text())
    assert summary["num_demonstrations"] == 6
    inputs = json.loads((tmp_path / "out/inputs.json").read_text())
    assert inputs["config"]["lora"]["r"] == 2
    code, again, _ = isoglot(*command, *mixing, "--languages", "en,sw")
    assert (code, again) == (0, out), "done is not done again"


def test_other_rows_are_refused_before_those_of_the_policy_are_touched(
    isoglot, file, tiny_model, tmp_path
):
    out = tmp_path / "out"
    command = ("train", "sft", file, "--model", tiny_model, "--out", out, *FEW)
    assert isoglot(*command)[0] == 0
    kept = contents(out)
    text = file.read_text()
    file.write_text(text + text.splitlines()[0].replace("of 0", "of 9") + "\n")
    code, _, err = isoglot(*command)
    assert (code, "was made with preferences = " in err) == (2, True), err
    assert contents(out) == kept
    file.write_text(text)
    assert isoglot(*command)[0] == 0


def test_a_check_prints_what_the_model_reads(isoglot, file, tiny_model, tmp_path):
    out = tmp_path / "out"
    code, printed, err = isoglot(
        "train", "sft", file, "--model", tiny_model, "--out", out, "--check"
    )
    assert code == 0, err
    assert "sw       prompt     '<|user|>How many of 0?<|end|><|assistant|>'\n" in printed
    assert "sw       completion '0 \\x1b[31m<|end|>'\n" in printed, "escaped, for the terminal"
    assert printed.count("\n") == 6
    assert not (out / "policy").exists()


def test_a_later_row_that_the_template_refuses_is_named(isoglot, tiny_model, tmp_path):
    path, template, out = (tmp_path / name for name in ("own.jsonl", "t.jinja", "out"))
    turn = {"role": "user", "content": "How many?"}, {"role": "assistant", "content": "7"}
    rows = [{"messages": turn}, {"messages": [{"role": "system", "content": "Be brief."}, *turn]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}"
    template.write_text(refuses + CHAT_TEMPLATE)
    command = ("train", "sft", path, "--model", tiny_model, "--template", template, "--out", out)
    for more in (("--check",), FEW):
        code, _, err = isoglot(*command, "--language", "en", *more)
        assert (code, err.count("Traceback")) == (2, 0), err
        assert (
            "row 2, language en: expected a chat template that takes turns of system, user" in err
        )
    assert not (out / "policy").exists()


def test_texts_alone_are_for_language_modelling(isoglot, tiny_model, tmp_path):
    path, out = tmp_path / "texts.jsonl", tmp_path / "out"
    rows = [{"text": f"There are {i} apples.", "language": "en"} for i in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ("train", "sft", path, "--model", tiny_model, "--out", out, *FEW)
    code, printed, err = isoglot(*command, "--check")
    assert (code, printed) == (0, "en       text       'There are 0 apples.<|end|>'\n"), err
    code, printed, err = isoglot(*command)
    assert code == 0, err
    assert "read 4 rows as language modelling" in err
    assert printed.startswith("en ")
    mixed = [*rows, {"prompt": "7?", "completion": "7", "language": "en"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in mixed))
    code, _, err = isoglot(*command[:-2], "--out", tmp_path / "other", *FEW)
    assert (code, "expected texts without a prompt in all rows" in err) == (2, True), err


def test_what_is_wrong_is_one_line(isoglot, file, tiny_model, tmp_path):
    command = ("train", "sft", "--model", tiny_model, "--out", tmp_path / "out")
    for arguments, message in (
        ((file, "--languages", "en,de"), "in every language, got none in de; see"),
        ((file, "--set", "learning_rat=1"), "did you mean 'learning_rate'?"),
        ((file, "--set", "mixing.methd=uniform"), "did you mean 'method'?"),
        ((tmp_path / "nowhere.jsonl",), "nowhere.jsonl: expected a file or a glob"),
    ):
        code, _, err = isoglot(*command, *arguments)
        assert (code, message in err.splitlines()[-1]) == (2, True), err
        assert all(line.startswith("isoglot: ") for line in err.splitlines())
        assert not (tmp_path / "out/policy").exists()


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"prompt": f"{word} {i}?", "chosen": f"{i}", "rejected": f"{i + 1}"}
        for i in range(3)
        for word in ("How many apples are in the basket of", "¿Cuántas manzanas hay en la cesta de")
    ]
    rows.append({"prompt": "7?", "chosen": "7", "rejected": "7"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_pairs_become_a_policy_by_dpo(isoglot, pairs, tiny_model, tmp_path):
    out = tmp_path / "out"
    command = ("train", "dpo", pairs, "--model", tiny_model, "--out", out, *FEW)
    code, _, err = isoglot(*command)
    assert code == 2
    assert "pairs.jsonl, row 7: expected two different answers, came '7' twice" in err
    code, printed, err = isoglot(*command, "--skip-refused", "--set", "nll=none")
    assert code == 0, err
    assert "read 6 rows as preference; left out 1: chosen equals rejected 1; no column says" in err
    lines = printed.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["en", "margin"], ["es", "margin"]]
    assert lines[-1] == f"policy: {out / 'policy'}"
    summary = json.loads((out / "train.json").read_text())
    assert summary["num_preferences"] == 6
    assert json.loads((out / "inputs.json").read_text())["config"]["nll"] == "none"
    again = isoglot(*command, "--skip-refused", "--set", "nll=none")
    assert again[:2] == (0, printed), "done is not done again"


def test_a_check_prints_both_sides(isoglot, pairs, tiny_model, tmp_path):
    command = ("train", "dpo", pairs, "--model", tiny_model, "--out", tmp_path / "out", "--check")
    code, printed, err = isoglot(*command, "--skip-refused", "--language", "en")
    assert code == 0, err
    assert [line.split()[:2] for line in printed.splitlines()] == [
        ["en", "prompt"], ["en", "chosen"], ["en", "rejected"],
    ]  # fmt: skip
    assert not (tmp_path / "out/policy").exists()


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_prompts_and_a_reward_become_a_policy(isoglot, pairs, tiny_model, tmp_path, method):
    out = tmp_path / "out"
    command = ("train", method, pairs, "--model", tiny_model, "--out", out, *FEW)
    code, _, err = isoglot(*command, "--skip-refused", *ONLINE)
    assert (code, f"expected a reward for method {method}, came none; give" in err) == (2, True)
    rewards = ("--reward", "length", "--reward", "language_match")
    code, printed, err = isoglot(*command, "--skip-refused", *ONLINE, *rewards)
    assert code == 0, err
    assert "reward " in printed
    assert "off-target rate " in printed
    assert (out / "policy/model.safetensors").exists()
    code, _, err = isoglot(*command, "--reward", "gold:no_such", "--skip-refused", *ONLINE)
    assert code in (0, 2), "the finished training is not begun again"
    code, printed, err = isoglot(*command, "--check", "--skip-refused", "--language", "en")
    assert (code, [line.split()[1] for line in printed.splitlines()]) == (0, ["prompt"]), err


@pytest.fixture
def parallel(tmp_path):
    """Three families, of which the last has no answer in English, in a file for each language."""
    folder = tmp_path / "parallel"
    folder.mkdir()
    for tag, word in (("en", "How many"), ("es", "¿Cuántas"), ("sw", "Ngapi")):
        rows = [{"family": f"f{i}", "prompt": f"{word} {i}?", "language": tag} for i in range(3)]
        answers = {"en": "There are {}.", "es": "not shown {}"}
        if tag in answers:
            rows[:2] = [{**r, "completion": answers[tag].format(r["family"])} for r in rows[:2]]
        (folder / f"{tag}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def contexts(folder):
    rows = [row for path in shard_paths(folder) for row in read_shard(path, PrivilegedPrompt)]
    return {(row.family, row.language): row.privileged_context for row in rows}


def test_parallel_prompts_become_a_policy_by_self_distillation(
    isoglot, parallel, tiny_model, tmp_path
):
    out = tmp_path / "out"
    command = ("train", "sdft", parallel, "--model", tiny_model, "--out", out, *FEW, *ONLINE)
    told = "privilege.template='{answer} | {prompt} | {language}'"
    code, printed, err = isoglot(*command, "--set", told, "--languages", "en,sw,es")
    assert code == 0, err
    assert "contexts for 4 prompts; left out 2: no_answer 2" in err
    assert contexts(out / "contexts") == {
        (f"f{i}", tag): f"There are f{i}. | How many {i}? | {name}"
        for i in range(2)
        for tag, name in (("es", "Spanish"), ("sw", "Swahili"))
    }, "of the English answers alone, of the same family in another file"
    lines = [line.split()[:2] for line in printed.splitlines()]
    assert lines == [["es", "kl"], ["sw", "kl"], ["policy:", str(out / "policy")]]
    assert json.loads((out / "train.json").read_text())["num_prompts"] == 4
    code, _, err = isoglot(*command, "--languages", "en,sw,es")
    assert (code, "was made with preferences = " in err) == (2, True), "another context"
    other = ("--set", "privilege.shows=another_family", "--check", "--languages", "sw")
    code, printed, err = isoglot(*command[:-2], *command[-2:], "--set", told, *other)
    assert code == 0, err
    assert printed == (
        "sw       prompt     '<|user|>Ngapi 0?<|end|><|assistant|>'\n"
        "sw       teacher    '<|user|>Ngapi 0?\\n\\nThere are f1. | How many 1? | Swahili"
        "<|end|><|assistant|>'\n"
    ), "as the teacher reads it"


def test_rows_without_contexts_are_one_line(isoglot, parallel, file, tiny_model, tmp_path):
    out, shards = tmp_path / "out", tmp_path / "run"
    made = PrivilegedPrompt(
        ({"role": "user", "content": "7?"},), "c", "f", "p", "sw", "sw", "f", "", 0
    )
    write_shard(shard_path(shards, 0), [made], PrivilegedPrompt)
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text('{"prompt": "7?", "language": "en", "answer_language": "sw"}\n')
    for arguments, message in (
        ((file,), "has an answer, came none (no_dominant_prompt 6); add the columns"),
        ((parallel, "--set", "dominant_language=sw"), "came none (no_answer 6)"),
        ((parallel, "--set", "dominant_language=klingon"), "klingon"),
        ((parallel, "--set", "privilege.show=answer"), "did you mean 'shows'"),
        ((parallel, "--set", "privilege.min_reward=1"), "privilege.min_reward is about rewards"),
        ((parallel, "--set", "score.gates=[cut_off]"), "expected no reward for method sdft"),
        ((parallel, "--set", "training=3"), "--set training: expected keys"),
        ((parallel, "--languages", "es,de"), "got none in de; see"),
        ((mixed,), "row 1: expected a prompt that is answered in its own language, en, came"),
        ((shards, "--languages", "sw"), "has the contexts of a run: expected no languages"),
        ((shards, "--set", "privilege.shows=prompt_only"), "has the contexts of a run"),
    ):
        command = ("train", "sdft", *arguments, "--model", tiny_model, "--out", out)
        code, _, err = isoglot(*command, *ONLINE)
        assert (code, message in err.splitlines()[-1]) == (2, True), (arguments, err)
        assert not (out / "policy").exists()
    code, _, err = isoglot(
        *("train", "sft", file, "--model", tiny_model, "--out", out),
        "--set",
        "privilege.shows=answer",
    )
    assert (code, "expected method sdft for privilege, which" in err) == (2, True), err


def test_shards_of_a_run_are_taken_as_they_are(isoglot, finished_run, tiny_model, tmp_path):
    shards = str(finished_run / "round-0/filter/part-*.parquet")
    out = tmp_path / "out"
    code, printed, err = isoglot("train", "dpo", shards, "--model", tiny_model, "--out", out, *FEW)
    assert code == 0, err
    assert not (out / "preferences").exists()
    assert "margin" in printed


def test_rows_of_another_kind_are_one_line(isoglot, file, tiny_model, tmp_path):
    out = tmp_path / "out"
    for arguments, message in (
        (("dpo", file), "columns prompt, chosen and rejected, came prompt, completion, language"),
        (("dpo", file, "--set", "choose.num_families=3"), "expected a training without `choose`"),
        (("rloo", file, "--reward", "gold:"), "expected gold:NAME"),
        (("dpo", file, "--set", "launch.num_procs=3"), "did you mean 'num_processes'?"),
        (("dpo", "someone/nowhere"), "someone/nowhere"),
        (("sft", tmp_path), "row 1"),
    ):
        if arguments[-1] == tmp_path:
            (tmp_path / "odd.csv").write_text("premise,label\nIt rains,1\n")
            file.unlink()
        code, _, err = isoglot("train", *arguments, "--model", tiny_model, "--out", out)
        assert (code, message in err) == (2, True), err
        assert err.count("\n") == 1
        assert not (out / "policy").exists()


def test_the_keys_of_a_section_are_known():
    from isoglot.line.own_training import OwnTraining

    settings = ["lora.r=4", "learning_rate=1e-4", "training.max_length=99"]
    assert OwnTraining.of_settings("sft", settings).config == TrainConfig(
        method="sft", lora={"r": 4}, training={"max_length": 99, "learning_rate": 1e-4}
    )
    by_key = OwnTraining.of_settings("dpo", {"lora.r": 4, "launch.num_processes": 2})
    assert by_key.config == TrainConfig(method="dpo", lora={"r": 4})
    assert by_key.launch.num_processes == 2
