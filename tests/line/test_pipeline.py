"""The whole line on a tiny model: what a run leaves behind, changed settings, the stop rule."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from fixtures.cases import cases
from tiny_model import CHAT_TEMPLATE
from tiny_run import contents, mtimes, stopping_copy, tiny_overrides, tiny_recipe

from isoglot.commands.main import main
from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Graded, Preference, Prompt
from isoglot.core.row_sources import FileRowsConfig
from isoglot.core.store import DROPPED, read_shard, shard_paths, write_shard
from isoglot.data.prompts import read_prompts
from isoglot.execute.ledger import Done, Ledger
from isoglot.line.metrics import write_metrics
from isoglot.line.pipeline import Round, run_recipe
from isoglot.models.local.template import load_tokenizer
from isoglot.models.local.weights import model_name
from isoglot.report.pages.run import write_report
from isoglot.report.pages.run_notes import lengths_in_training
from isoglot.report.results.summary import RunSummary

RESULT_KEYS = {
    "task", "language", "trained", "metric", "value", "low", "high", "n", "unknown", "signature",
}  # fmt: skip


def isoglot(capsys, *arguments):
    """Exit code and what stands on stderr, without the lines of progress."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("isoglot:")]
    return ended.value.code, "\n".join(error)


@pytest.fixture
def copied_run(finished_run, tmp_path):
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def test_the_summary_has_its_shape(finished_run):
    summary = json.loads((finished_run / "summary.json").read_text())
    assert {"recipe", "seed", "rounds", "seconds", "stopped"} <= summary.keys()
    assert (summary["recipe"], summary["seed"]) == ("lidr-lab", 1)
    assert [(r["round"], r["policy"]) for r in summary["rounds"]] == [(0, "M0"), (1, "M1")]
    for round in summary["rounds"]:
        for row in round["results"]:
            assert row.keys() >= RESULT_KEYS
            assert row["trained"] == (row["language"] != "it")
            assert row["n"] + row["unknown"] == 6
            assert (row["value"] is None) == (row["n"] == 0)
        metrics = {(row["task"], row["metric"]) for row in round["results"]}
        assert {("lab_math", "accuracy"), ("lab_math", "off_target_rate")} <= metrics
        assert {row["language"] for row in round["results"]} == {"en", "es", "sw", "it"}
    assert all(isinstance(seconds, int | float) for seconds in summary["seconds"].values())
    stages = ("prompts", "generate", "translate", "pair", "filter", "train", "evaluate/lab_math")
    assert {f"round-0/{stage}" for stage in stages} <= summary["seconds"].keys()


def test_the_metrics_hold_every_number_of_the_run(finished_run):
    out, summary = finished_run, RunSummary.read_from(finished_run)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    values = {
        (line["round"], line["task"], key): value
        for line in lines
        if "task" in line
        for key, value in line.items()
    }
    for round, row in summary.results:
        if row.value is not None:
            assert values[round, row.task, f"{row.language}/{row.metric}"] == row.value
    trained = [line for line in lines if "step" in line]
    assert {line["round"] for line in trained} == {0}
    assert any(key.endswith("/reward_margin") for key in trained[-1])
    assert write_metrics(out, summary) == [], "no line is new"
    assert summary.rounds[0].training[-1].step == trained[-1]["step"]


def test_the_answers_of_every_round_are_audited(finished_run):
    audit = RunSummary.read_from(finished_run).audit
    assert audit is not None
    assert {row.sampler for row in audit.rows} == {"M0"}


def test_the_pairs_of_the_summary_are_those_on_disk(finished_run):
    summary = json.loads((finished_run / "summary.json").read_text())
    pairs, folder = summary["rounds"][0]["pairs"], finished_run / "round-0/filter"
    assert summary["rounds"][1]["pairs"] is None
    assert pairs.keys() == {"kept", "pair_types", "dropped", "by_language", "reward_accuracy"}
    rows = [row for path in shard_paths(folder) for row in read_shard(path, Preference)]
    assert pairs["kept"] == len(rows) > 0
    assert pairs["dropped"].keys() == {"empty"}
    by_language = pairs["by_language"]
    assert sum(row["kept"] for row in by_language.values()) == len(rows)
    dropped = sum(n for row in by_language.values() for n in row["dropped"].values())
    assert dropped == sum(pairs["dropped"].values()) > 0
    assert len(shard_paths(folder / DROPPED)) == len(shard_paths(folder))
    assert pairs["reward_accuracy"].keys() == {"value", "low", "high", "n", "ties", "unknown"}


def test_the_tokens_of_a_round_are_those_that_its_models_wrote_and_its_training_read(finished_run):
    first, last = RunSummary.read_from(finished_run).rounds
    assert last.tokens is None, "the last policy trains no other"
    tokenizer = load_tokenizer(str(finished_run / "round-0/train/policy"), {})

    def rows(stage, record):
        folder = finished_run / "round-0" / stage
        return [row for path in shard_paths(folder) for row in read_shard(path, record)]

    def count(texts):
        return sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])

    written = [each.text for each in rows("generate", Completion)]
    translated = [each for each in rows("translate", Completion) if each.translated_from]
    assert first.tokens.written == count([*written, *(each.text for each in translated)]) > 0
    pairs = rows("filter", Preference)
    chats = [[*each.prompt, *side] for each in pairs for side in (each.chosen, each.rejected)]
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
    assert first.tokens.trained == pytest.approx(count(texts), abs=2 * len(texts))
    assert first.tokens.total == first.tokens.written + first.tokens.trained


def test_run_json_says_how_it_was_made(finished_run, tiny_policy):
    facts = json.loads((finished_run / "run.json").read_text())
    assert facts["recipe"]["policy"]["path"] == str(tiny_policy)
    assert facts["recipe"]["train"]["training"]["beta"] == 2.0
    assert {"python", "torch", "trl"} <= facts["versions"].keys()


def test_each_round_has_fresh_prompts_and_its_own_policy(tiny_policy, tmp_path):
    """Without a validation task every round is run."""
    short = ("evaluate.validation=null", "evaluate.tasks=[]", "prompts.num_families=6")
    summary = run_recipe(tiny_recipe(tiny_policy, *short), tmp_path / "run", silent=True)
    assert [round.policy for round in summary.rounds] == ["M0", "M1"]
    assert summary.stopped is None
    first, second = (
        {p.family for path in shard_paths(tmp_path / f"run/round-{t}/prompts")
         for p in read_shard(path, Prompt)}
        for t in (0, 1)
    )  # fmt: skip
    assert len(first) == len(second) == 6
    assert not first & second
    inputs = json.loads((tmp_path / "run/round-1/train/inputs.json").read_text())
    assert inputs != json.loads((tmp_path / "run/round-0/train/inputs.json").read_text())
    weights = [tmp_path / f"run/round-{t}/train/policy/model.safetensors" for t in (0, 1)]
    assert weights[0].read_bytes() != weights[1].read_bytes()


def test_prompts_of_one_language_are_translated_into_the_others(tiny_policy, tmp_path):
    recipe = tiny_recipe(
        tiny_policy,
        "prompts.translate_from=en",
        "prompts.artefacts.checks=[]",
        "rounds=1",
        "train=null",
        "system=Be brief.",
    )
    summary = run_recipe(recipe, tmp_path / "run", silent=True)
    given = [
        p
        for path in shard_paths(tmp_path / "run/round-0/prompts")
        for p in read_shard(path, Prompt)
    ]
    folder = tmp_path / "run/round-0/translate_prompts"
    prompts = [p for path in shard_paths(folder) for p in read_shard(path, Prompt)]
    dropped = json.loads((folder / "done.json").read_text())["counts"]["dropped"]
    assert {p.language for p in given} == {"en"}
    assert len(prompts) + dropped == 3 * len(given)
    made = [p for p in prompts if p.translated_from]
    assert made
    table = summary.rounds[0].translations
    assert {(row.what, row.language) for row in table} == {
        ("prompts", "es"),
        ("prompts", "sw"),
    }
    assert sum(row.kept for row in table) == len(made)
    assert sum(sum(row.lost.values()) for row in table) == dropped
    for prompt in made:
        assert prompt.answer_language == prompt.language != "en"
        assert prompt.prompt[0] == {"role": "system", "content": "Be brief."}


def test_another_model_may_translate(tiny_policy, tiny_model, tmp_path):
    folder = stopping_copy(tiny_model, tmp_path / "other")
    other = f"translator={{engine: transformers, path: {folder}, device: cpu}}"
    recipe = tiny_recipe(tiny_policy, other, "rounds=1", "train=null")
    run_recipe(recipe, tmp_path / "run", silent=True)
    folder = tmp_path / "run/round-0/translate"
    rows = [row for path in shard_paths(folder) for row in read_shard(path, Completion)]
    assert len({row.sampler for row in rows}) == 1, "who wrote it, also where it is translated"
    assert {row.translator for row in rows if row.translated_from is None} == {None}
    translated = {row.translator for row in rows if row.translated_from}
    assert translated == {model_name(str(tmp_path / "other"))} != {rows[0].sampler}


CHANGES = [
    (
        "languages=[en, es]",
        "round-0/evaluate/lab_math",
        "languages = ['en', 'es', 'it', 'sw'] (now",
    ),
    ("seed=2", "round-0/evaluate/lab_math", "seed = 1 (now 2)"),
    ("system=Be brief.", "round-0/evaluate/lab_math", "system = '' (now 'Be brief.')"),
    ("policy.dtype=bfloat16", "round-0/evaluate/lab_math", "policy.dtype = 'auto'"),
    ("evaluate.tasks.1.num_families=5", "round-0/evaluate/lab_open", "task.num_families = 6"),
    ("prompts.grader=sequence", "round-0/prompts", "prompts.grader = 'last_number'"),
    ("generate.sampling.seed=7", "round-0/generate", "generate.sampling.seed = 42 (now 7)"),
    ("translate.sampling.max_new_tokens=9", "round-0/translate", "max_new_tokens = 8 (now 9)"),
    ("pair.dominant_pairs=none", "round-0/pair", "pair.dominant_pairs = 'all' (now 'none')"),
    ("filter.max_length_ratio=3", "round-0/filter", "filter.max_length_ratio = 4.0 (now 3.0)"),
    ("train.training.beta=0.3", "round-0/train", "train.training.beta = 2.0 (now 0.3)"),
]


@pytest.mark.parametrize(("change", "stage", "words"), CHANGES)
def test_a_changed_key_is_named_and_nothing_is_touched(
    change, stage, words, copied_run, tiny_policy, capsys
):
    before = contents(copied_run)
    arguments = ["run", "lidr-lab", "--out", str(copied_run), *tiny_overrides(tiny_policy, change)]
    code, error = isoglot(capsys, *arguments)
    assert code == 2
    assert stage in error
    assert words in error
    assert "--redo" in error
    assert "\n" not in error
    assert contents(copied_run) == before


def test_a_language_that_is_no_longer_trained_makes_other_data_of_the_same_m0(
    copied_run, tiny_policy, capsys
):
    moved = tiny_overrides(tiny_policy, "languages=[en, es]", "unseen_languages=[sw, it]")
    code, error = isoglot(capsys, "run", "lidr-lab", "--out", str(copied_run), *moved)
    assert code == 2
    assert "round-0/prompts was made with languages.trained = ['en', 'es', 'sw']" in error


def test_redo_makes_that_stage_and_those_after_it(copied_run, tiny_policy):
    before, policy = mtimes(copied_run), copied_run / "round-0/train/policy/model.safetensors"
    weights = policy.read_bytes()
    changed = tiny_recipe(tiny_policy, "pair.dominant_pairs=none")
    run_recipe(changed, copied_run, redo=True, silent=True)
    after = mtimes(copied_run)
    kept = ("round-0/evaluate", "round-0/generate", "round-0/translate")
    for path, mtime in before.items():
        assert (after[path] == mtime) == path.startswith(kept), path
    assert policy.read_bytes() != weights
    facts = json.loads((copied_run / "run.json").read_text())
    assert facts["recipe"]["pair"]["dominant_pairs"] == "none"
    run_recipe(changed, copied_run, silent=True)
    assert mtimes(copied_run) == after


def test_what_only_makes_it_fast_invalidates_nothing(copied_run, tiny_policy):
    before = mtimes(copied_run)
    run_recipe(tiny_recipe(tiny_policy, "policy.batch_tokens=99999"), copied_run, silent=True)
    assert mtimes(copied_run) == before


def stop_reason(folder, policy, gaining):
    """What the stop rule says after a round in which these languages went from 0 to 1."""
    ledger = Ledger(folder, {})
    for round in (0, 1):
        name = f"round-{round}/evaluate/lab_math_validation"
        values = {tag: float(round and tag in gaining) for tag in ("en", "es", "sw", "it")}
        rows = [
            Graded(f"f{i}", f"{tag}{i}", tag, "accuracy", value, (value, 1.0))
            for tag, value in values.items()
            for i in range(9)
        ]
        write_shard(folder / name / "graded.parquet", rows, Graded)
        ledger.done[name] = Done(folder / name, "", {}, 0.0)
    return Round(tiny_recipe(policy), ledger, 1, "", True).no_gain()


def test_the_rounds_end_when_no_trained_language_gains(tmp_path, tiny_model):
    reason = stop_reason(tmp_path / "none", tiny_model, gaining=())
    assert reason == "no language gained beyond its interval from M0 to M1 on lab_math_validation"
    assert stop_reason(tmp_path / "it", tiny_model, gaining=("it",)) == reason
    assert stop_reason(tmp_path / "sw", tiny_model, gaining=("sw",)) is None


def test_a_run_that_gains_nothing_stops_and_says_why(finished_run):
    summary = json.loads((finished_run / "summary.json").read_text())
    assert "no language gained" in summary["stopped"]
    assert not (finished_run / "round-1/prompts").exists()
    assert not (finished_run / "round-2").exists()


def test_the_preference_rows_train_in_a_bare_trl_as_they_are(finished_run, tiny_policy, tmp_path):
    from datasets import load_dataset
    from trl import DPOConfig, DPOTrainer

    files = [str(path) for path in shard_paths(finished_run / "round-0/filter")]
    rows = load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "c"))
    assert {"prompt", "chosen", "rejected", "language", "family", "pair_type"} <= set(
        rows.column_names
    )
    arguments = DPOConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=2,
        gradient_checkpointing=False,
        report_to="none",
        use_cpu=True,
        bf16=False,
        save_strategy="no",
    )
    trainer = DPOTrainer(model=str(tiny_policy), args=arguments, train_dataset=rows)
    assert len(trainer.train_dataset) == len(rows) > 0
    assert trainer.train().training_loss > 0


PROMPTS = [
    {"i": i, "lang": tag, "text": f"{text} {i}?"}
    for i in range(4)
    for tag, text in (("en", "How many apples are left"), ("es", "¿Cuántas manzanas quedan"))
]


def file_run(policy, folder, *more):
    """A recipe that only reads: the user's prompts, the user's completions, scored and paired."""
    recipe = {
        "languages": "[en, es]",
        "unseen_languages": "[]",
        "rounds": "1",
        "evaluate": "{}",
        "train": "null",
        "translate": "null",
        "prompts.num_families": "null",
        "prompts.grader": "null",
        "prompts.source": f"{{kind: file, path: {folder}/prompts.jsonl, family: [i], "
        "id: [i, lang], columns: {prompt: text, language: lang}}",
        "samplers": f"[{{engine: file, path: {folder}/answers.jsonl, id_columns: [i, lang]}}]",
        "score": "{scorers: [language_match]}",
        "pair.method": "best_vs_worst",
    }
    keys = [f"{key}={value}" for key, value in recipe.items()]
    return tiny_recipe(policy, *keys, "generate.sampling.num_samples=3", *more)


@pytest.fixture
def own_files(tmp_path):
    """Prompts, and three completions of each: in English, in Spanish, empty."""
    texts = ("There are seven apples left on the table.", "Quedan siete manzanas en la mesa.", "")
    answers = [
        {"i": row["i"], "lang": row["lang"], "completion": text, "other": text}
        for row in PROMPTS
        for text in texts
    ]
    for name, rows in (("prompts", PROMPTS), ("answers", answers)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text)
    return tmp_path


def test_own_completions_become_preferences_and_an_audit(own_files, tiny_model):
    summary = run_recipe(file_run(tiny_model, own_files), own_files / "run", silent=True)
    assert summary.rounds[0].pairs.by_language.keys() == {"en", "es"}
    assert summary.rounds[0].pairs.kept == len(PROMPTS)
    rates = {row.language: row.off_target_rate for row in summary.audit.rows}
    assert rates == {"en": 0.5, "es": 0.5}, "an empty answer is unknown, not wrong"


def test_an_empty_completion_is_dropped_by_name(own_files, tiny_model):
    rows = [
        {"i": row["i"], "lang": row["lang"], "completion": text, "score": 0}
        for row in PROMPTS
        for text in (" ", "Quedan siete manzanas en la mesa.")
    ]
    (own_files / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lidr = (
        "translate={}",
        "score=null",
        "pair.method=translated_vs_direct",
        "generate.sampling.num_samples=1",
    )
    summary = run_recipe(file_run(tiny_model, own_files, *lidr), own_files / "run", silent=True)
    assert summary.rounds[0].pairs.kept == 0
    assert summary.rounds[0].pairs.dropped == {"empty": 2 * 4}


@cases("dpo_too_long")
def test_what_a_training_has_no_room_for_is_told(case, tiny_model, own_files):
    """The prompts have 11 to 15 tokens; one is long; an answer has 12 tokens and its end."""
    limit = int(re.search(r"max_length (\d+)", case.input["recipe"])[1])
    path = own_files / "prompts.jsonl"
    if limit == 128:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows[0]["text"] *= 30
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    training = f"{{max_length: {limit}, max_steps: 1, use_cpu: true, bf16: false}}"
    train = f"{{method: dpo, training: {training}}}"
    recipe = file_run(tiny_model, own_files, f"train={train}")
    if limit == 8:
        with pytest.raises(InputError, match=r"in max_length 8 tokens, got none among 8; raise"):
            run_recipe(recipe, own_files / "run", silent=True)
        return
    summary = run_recipe(recipe, own_files / "run", silent=True)
    (first, *_) = summary.rounds
    (note,) = lengths_in_training(summary)
    if limit == 128:
        assert first.too_long == {"en": 1}
        assert note == "Round 0: too long for the training and left out: rows in English 1"
    else:
        assert sum(first.cut.values()) >= 3
        assert note.startswith("Round 0: cut to max_length in the training: ")
    assert note in write_report(own_files / "run").read_text()


@pytest.mark.parametrize("train", ["null", "{method: dpo}"])
def test_a_later_prompt_that_the_template_loses_a_turn_of_is_refused_before_generation(
    own_files, tiny_model, train
):
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How many?"}]
    path, template = own_files / "prompts.jsonl", own_files / "t.jinja"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "".join(json.dumps(row) + "\n" for row in [*rows[:-1], rows[-1] | {"text": turns}])
    )
    template.write_text(
        CHAT_TEMPLATE.replace("messages %}", "messages if message.role != 'system' %}")
    )
    recipe = file_run(
        tiny_model, own_files, f"policy.chat_template={template}", f"train={train}", "samplers=[]",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"language es: expected every turn of system, user"):
        run_recipe(recipe, own_files / "run", silent=True)
    assert not (own_files / "run/round-0/generate").exists()


@pytest.mark.parametrize(
    ("file", "stage"), [("prompts.jsonl", "round-0/prompts"), ("answers.jsonl", "round-0/generate")]
)
def test_a_changed_file_of_the_user_counts_as_a_changed_key(own_files, tiny_model, file, stage):
    run_recipe(file_run(tiny_model, own_files), own_files / "run", silent=True)
    path = own_files / file
    path.write_text(path.read_text().replace("apples", "pears"))
    before = contents(own_files / "run")
    with pytest.raises(ValueError, match=f"{stage} was made with .*--redo"):
        run_recipe(file_run(tiny_model, own_files), own_files / "run", silent=True)
    assert contents(own_files / "run") == before


def test_another_column_of_completions_counts_as_a_changed_key(own_files, tiny_model):
    run_recipe(file_run(tiny_model, own_files), own_files / "run", silent=True)
    changed = file_run(tiny_model, own_files, "samplers.0.text_column=other")
    with pytest.raises(ValueError, match=r"round-0/generate was made with .*text_column"):
        run_recipe(changed, own_files / "run", silent=True)


def test_the_prompts_of_the_files_are_those_of_the_run(own_files, tiny_model):
    recipe = file_run(tiny_model, own_files)
    run_recipe(recipe, own_files / "run", silent=True)
    assert isinstance(recipe.prompts.source, FileRowsConfig)
    wanted = {p.prompt_id for p in read_prompts(recipe.prompts.source)}
    folder = own_files / "run/round-0/prompts"
    found = {p.prompt_id for path in shard_paths(folder) for p in read_shard(path, Prompt)}
    assert found == wanted


def test_rounds_may_differ(tmp_path, tiny_policy):
    """First SFT in two languages, then DPO in one of them: M1 and M2, all measured in all."""
    rounds = (
        "rounds=[{languages: [en, es], train.method: sft, train.training: {max_steps: 1}}, "
        "{languages: [en, sw], prompts.num_families: 3}]"
    )
    recipe = tiny_recipe(tiny_policy, rounds, "evaluate.validation=null")
    summary = run_recipe(recipe, tmp_path / "run", silent=True)
    assert [round.policy for round in summary.rounds] == ["M0", "M1", "M2"]
    pairs = [round.pairs and set(round.pairs.by_language) for round in summary.rounds]
    assert pairs == [{"en", "es"}, {"en", "sw"}, None]
    assert [recipe.trained_languages(t) for t in range(3)] == [(), ("en", "es"), ("en", "es", "sw")]
    measured = {row.language for row in summary.rounds[1].results}
    assert measured == {"en", "es", "sw", "it"}
    assert recipe.num_trainings == 2


def test_few_calls_lie_between_the_round_and_the_pairing_rule(tiny_policy, tmp_path):
    """A reader follows them one by one: seven from `run_round` to the rule of the recipe."""
    seen = []

    def watch(frame, event, _):
        if event == "call" and frame.f_code.co_name == "translated_vs_direct" and not seen:
            while frame.f_code.co_name != "run_round":
                seen.append(frame.f_code.co_name)
                frame = frame.f_back

    sys.setprofile(watch)
    try:
        run_recipe(tiny_recipe(tiny_policy, "train=null", "rounds=1"), tmp_path, silent=True)
    finally:
        sys.setprofile(None)
    assert seen[0] == "translated_vs_direct"
    assert len(seen) <= 7, seen
