"""The plan counts what a run then counts, and says what it takes for granted."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import tiny_recipe

from isoglot.commands.main import main
from isoglot.data.pair import PairConfig
from isoglot.lab.shipped import POLICY
from isoglot.line.pipeline import run_recipe
from isoglot.line.stages import STAGES
from isoglot.planning.counting import COUNTERS
from isoglot.planning.engines import billions_of
from isoglot.planning.plan import plan_of
from isoglot.planning.throughput import load_throughput
from isoglot.planning.training import (
    DEFAULTS,
    ONLINE_DEFAULTS,
    course_of,
    online_course_of,
)
from isoglot.recipe.recipe import load_recipe, recipe_names
from isoglot.train import arguments, settings
from isoglot.train.settings import TrainConfig


def works(recipe, **settings):
    """Rows of the plan by stage."""
    rows = plan_of(recipe, **settings).model_dump()["works"]
    return {stage: [row for row in rows if row["stage"] == stage] for stage in
            dict.fromkeys(row["stage"] for row in rows)}  # fmt: skip


def num(rows):
    return sum(row["num"] for row in rows)


def counts(folder, stage):
    return json.loads((folder / "round-0" / stage / "done.json").read_text())["counts"]


def test_the_counts_are_those_of_the_run(finished_run, tiny_policy):
    recipe = tiny_recipe(tiny_policy)
    plan = works(recipe)
    assert num(plan["prompts"]) == counts(finished_run, "prompts")["rows"] == 24
    generated = num(plan["generate"])
    assert generated == counts(finished_run, "generate")["rows"]
    translated = num(plan["translate"])
    assert generated + translated == counts(finished_run, "translate")["rows"]
    assert num(plan["pair"]) == counts(finished_run, "pair")["kept"]
    assert all(plan[stage][0]["is_exact"] for stage in ("prompts", "generate", "translate", "pair"))
    for task in recipe.evaluate.all_tasks:
        stage = f"evaluate/{task.name}"
        assert num(plan[stage]) == counts(finished_run, stage)["rows"]
        assert plan[stage][0]["times"] == recipe.rounds + 1
    kept, steps = counts(finished_run, "filter")["kept"], counts(finished_run, "train")["num_steps"]
    assert kept <= num(plan["filter"])
    assert steps == course_of(kept, recipe.train.training).num_steps
    assert steps <= num(plan["train"])
    assert not plan["train"][0]["is_exact"]


def test_translated_prompts_are_counted_with_those_that_were_left_out(tiny_policy, tmp_path):
    only = ("rounds=1", "train=null", "evaluate.tasks=[]", "evaluate.validation=null")
    recipe = tiny_recipe(
        tiny_policy, "prompts.translate_from=en", *only, "prompts.source.task=open",
        "generate.sampling.temperature=1", "generate.sampling.num_samples=2",
        "pair.method=best_vs_worst", "score={scorers: [language_match]}",
    )  # fmt: skip
    run_recipe(recipe, tmp_path / "run", silent=True)
    plan = works(recipe)
    made = counts(tmp_path / "run", "translate_prompts")
    given, translated = num(plan["prompts"]), num(plan["translate_prompts"])
    assert given == counts(tmp_path / "run", "prompts")["rows"] == 8
    untranslatable = 2 * given - translated
    assert made["rows"] + made["dropped"] == given + translated + untranslatable
    for stage, key in (("generate", "rows"), ("score", "kept"), ("pair", "kept")):
        assert counts(tmp_path / "run", stage)[key] <= num(plan[stage]), stage
        assert not plan[stage][0]["is_exact"]
    assert "train" not in plan


def test_the_counts_of_a_pool_are_those_of_the_run(tiny_policy, tiny_model, tmp_path):
    weak = (
        f"{{engine: transformers, path: {tiny_model}, device: cpu, answers_in: dominant, "
        "languages: [en, sw], sampling: {temperature: 1, num_samples: 2}}"
    )
    recipe = tiny_recipe(
        tiny_policy, f"samplers=[{{kind: policy, languages: [en, es, sw]}}, {weak}]",
        "score={scorers: [language_match]}", "pair.method=best_vs_worst", "rounds=1",
        "train=null", "languages=[en, sw]", "unseen_languages=[]", "samplers.0.languages=[en, sw]",
        "evaluate.tasks=[]", "evaluate.validation=null",
    )  # fmt: skip
    run_recipe(recipe, tmp_path / "run", silent=True)
    plan = works(recipe)
    assert [row["num"] for row in plan["generate"]] == [16, 16], "8 families"
    generated = counts(tmp_path / "run", "generate")["rows"]
    assert num(plan["generate"]) == generated
    assert generated + num(plan["translate"]) == counts(tmp_path / "run", "translate")["rows"]
    assert num(plan["score"]) == counts(tmp_path / "run", "score")["kept"]
    assert counts(tmp_path / "run", "pair")["kept"] <= num(plan["pair"]) == 16
    of_families = recipe.model_copy(update={"pair": PairConfig(method="max_vs_low", pool="family")})
    assert num(works(of_families)["pair"]) == 8


def test_the_steps_of_an_online_training_are_those_of_the_run(tiny_policy, tmp_path):
    recipe = tiny_recipe(
        tiny_policy, "score={scorers: [{kind: gold, grader: last_number}]}", "rounds=1",
        "train={method: rloo, training: {num_generations: 2, per_device_train_batch_size: 4, "
        "gradient_accumulation_steps: 2, num_iterations: 2, max_completion_length: 8, "
        "num_train_epochs: 2, save_steps: 100, use_cpu: true, bf16: false}}",
        "evaluate.tasks=[]", "evaluate.validation=null", "prompts.num_families=3",
    )  # fmt: skip
    run_recipe(recipe, tmp_path / "run", silent=True)
    plan = works(recipe)
    assert plan.keys() == {"prompts", "train"}
    units = {row["unit"]: row["num"] for row in plan["train"]}
    assert units["steps"] == counts(tmp_path / "run", "train")["num_steps"]
    assert units["completions"] == units["scores"] == 2 * 2 * 8, "9 prompts fill two batches of 4"


def test_families_that_are_kept_out_of_training_are_answered_at_each_check(tiny_policy):
    settings = ("score={scorers: [language_match]}", "rounds=1", "evaluate.tasks=[]")
    choose = "train.choose={num_families: 2, num_checks: 3, max_new_tokens: 4}"
    recipe = tiny_recipe(tiny_policy, *settings, choose)
    plan = works(recipe)["train"]
    steps, answers, scores = plan
    assert steps["num"] == course_of(6 * 4, recipe.train.training).num_steps, "6 of 8 families"
    assert answers["num"] == scores["num"] == 2 * 3 * (3 + 2)
    two = works(tiny_recipe(tiny_policy, *settings, choose, "launch={num_processes: 2}"))["train"]
    assert two[0]["num"] == course_of(6 * 4, recipe.train.training, 2).num_steps < steps["num"]
    assert answers["tokens_out"]["most"] == answers["num"] * 4
    with pytest.raises(ValueError, match="keeps out of training"):
        plan_of(tiny_recipe(tiny_policy, *settings, choose.replace("2", "9", 1)))


def test_what_cannot_be_translated_is_not_translated(tmp_path, tiny_policy):
    texts = ["Translate 'house' into French.", "How tall is Kilimanjaro?"]
    rows = [json.dumps({"text": text}) for text in texts]
    (tmp_path / "p.jsonl").write_text("\n".join(rows))
    source = f"{{kind: file, path: {tmp_path}/p.jsonl, columns: {{prompt: text}}, language: en}}"
    recipe = tiny_recipe(
        tiny_policy, f"prompts.source={source}", "prompts.translate_from=en",
        "prompts.num_families=null", "rounds=1", "prompts.grader=null",
    )  # fmt: skip
    plan = works(recipe)
    assert num(plan["translate_prompts"]) == 2
    assert num(plan["generate"]) == 1 + 3
    assert num(plan["translate"]) == 4, "out of and into English, for the one that is in all"


def test_every_recipe_of_the_package_is_planned():
    for name in recipe_names():
        recipe = load_recipe(name)
        if name == "own-completions":  # whose number of prompts is that of the user's file
            with pytest.raises(ValueError, match="num_families is not"):
                plan_of(recipe)
            continue
        plan = plan_of(recipe).model_dump()
        assert plan["totals"]["hours"]["most"] >= plan["totals"]["hours"]["typical"] > 0, name
        assert plan["totals"]["tokens_out"]["most"] >= plan["totals"]["tokens_out"]["typical"]


@pytest.mark.parametrize("method", ["dpo", "rloo"])
def test_the_recipes_of_the_paper_have_its_sizes(method):
    recipe = load_recipe(f"rlhf-aya23-8b-{method}")
    assert len(recipe.languages) == 23
    plan = works(recipe)
    assert num(plan["translate_prompts"]) == 22 * 10_000
    if method == "dpo":
        assert [row["num"] for row in plan["generate"]] == [230_000, 10_000]
        assert num(plan["translate"]) == 22 * 10_000
        assert num(plan["score"]) == 460_000
        assert num(plan["pair"]) == 230_000
    else:
        units = {row["unit"]: row["num"] for row in plan["train"]}
        assert units == {"completions": 460_032, "scores": 460_032, "steps": 1797}
    hours = plan_of(recipe).model_dump()["totals"]["hours"]
    assert 10 < hours["typical"] < hours["most"] < 200


def test_no_heavy_library_is_loaded():
    code = (
        "import sys; from isoglot.recipe.recipe import load_recipe\n"
        "from isoglot.planning.plan import plan_of; plan_of(load_recipe('lidr-lab'))\n"
        "print(sorted({'torch', 'transformers', 'trl', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SERVER = "{engine: openai, model: m, base_url: 'http://127.0.0.1:9/v1', %s}"
PRICES = "usd_per_million_prompt_tokens: 2, usd_per_million_completion_tokens: 8"


def test_a_server_costs_what_its_prices_say_and_takes_no_hour(tiny_policy):
    recipe = tiny_recipe(tiny_policy, f"samplers=[{SERVER % PRICES}]")
    (row,) = works(recipe)["generate"]
    assert row["usd"]["most"] == pytest.approx(
        2e-6 * row["tokens_in"]["most"] + 8e-6 * row["tokens_out"]["most"], rel=0.01
    )
    assert row["tokens_out"] == {"typical": 48, "most": 192}, "24 answers of at most 8 tokens"
    assert not row["on_device"]
    plan = plan_of(recipe, usd_per_hour=3.0).model_dump()
    assert plan["totals"]["usd_is_whole"]
    expected = sum(r["usd"]["most"] * r["times"] for r in plan["works"])
    assert plan["totals"]["usd"]["most"] == pytest.approx(expected)
    assert plan["totals"]["hours"]["most"] * 3 < plan["totals"]["usd"]["most"]


def test_a_price_that_is_not_given_is_not_zero(tiny_policy):
    plan = plan_of(
        tiny_recipe(tiny_policy, f"samplers=[{SERVER % ''}]"), usd_per_hour=3.0
    ).model_dump()
    (row,) = (row for row in plan["works"] if row["stage"] == "generate")
    assert row["usd"] is None
    assert not plan["totals"]["usd_is_whole"]
    assert any("no prices" in note for note in plan["notes"])


def test_the_user_overrides_rows_and_assumptions(tiny_policy, tmp_path):
    recipe = tiny_recipe(tiny_policy)
    file = tmp_path / "mine.toml"
    file.write_text(
        "[assumed]\ntypical_share = 0.5\n[[rate]]\nwork = 'train'\ndevice = 'cpu'\n"
        "billions = 0.01\ntokens_per_second = 950\nsource = 'mine'\n"
    )
    before, after = (plan_of(recipe, throughput=path).model_dump() for path in (None, file))
    hours = [
        next(row for row in plan["works"] if row["stage"] == "train")["hours"]["most"]
        for plan in (before, after)
    ]
    assert hours[1] == pytest.approx(2 * hours[0])
    assert after["assumed"]["typical_share"] == 0.5
    assert "mine" in {rate["source"] for rate in after["assumed"]["rates"]}
    assert len(load_throughput(file).rate) == len(load_throughput().rate)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("typical_share = 0.5", "expected tables"),
        ("[assumed]\ntypical_sahre = 0.5", "did you mean 'typical_share'"),
        ("[[rate]]\nwork = 'training'\ndevice = 'cpu'", "rate"),
        ("[assumed]\ntypical_share = 2", "less than or equal to 1"),
        ("not toml", "cannot read the throughput"),
    ],
)
def test_a_bad_table_is_one_line(text, words, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        load_throughput(file)
    assert "\n" not in str(caught.value)


def test_a_model_takes_the_row_of_its_size_and_larger_ones_take_longer():
    table = load_throughput()
    rate = {
        size: table.find("train", "h100", size).tokens_per_second for size in (7, 8.03, 30, 400)
    }
    assert rate[7] == rate[8.03] == 4640
    assert rate[30] == 1160
    assert rate[400] == pytest.approx(
        table.find("train", "h100", 110).tokens_per_second * 110 / 400
    )
    with pytest.raises(ValueError, match="expected one of a100, cpu, h100"):
        table.find("train", "tpu", 8)


def test_every_row_says_where_it_comes_from():
    for rate in load_throughput().rate:
        assert rate.source.startswith(("assumed", "published", "measured")), rate


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("meta-llama/Meta-Llama-3-8B-Instruct", 8),
        ("CohereForAI/aya-23-8B", 8),
        ("facebook/nllb-200-distilled-600M", 0.6),
        ("facebook/nllb-200-3.3B", 3.3),
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.5),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", None),
        ("CohereForAI/c4ai-command-r-plus", None),
    ],
)
def test_the_size_is_in_the_name(name, billions):
    assert billions_of(name) == (None if billions is None else pytest.approx(billions))


def test_the_weights_of_a_folder_are_counted():
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(POLICY)
    assert billions_of(str(POLICY)) * 1e9 == pytest.approx(model.num_parameters())


def test_the_defaults_of_the_trainer():
    from trl import DPOConfig, GRPOConfig, RLOOConfig, SFTConfig

    for config, defaults in (
        (DPOConfig, DEFAULTS),
        (SFTConfig, DEFAULTS),
        (RLOOConfig, {**ONLINE_DEFAULTS, "num_generations": settings.NUM_GENERATIONS["rloo"]}),
        (GRPOConfig, {**ONLINE_DEFAULTS, "num_generations": settings.NUM_GENERATIONS["grpo"]}),
    ):
        known = {field.name: field.default for field in fields(config)}
        assert {key: known[key] for key in defaults} == defaults
    known = {field.name: field.default for field in fields(arguments.config_class_of("sdft"))}
    ours = {**ONLINE_DEFAULTS, "num_generations": settings.NUM_GENERATIONS["sdft"]}
    # of which `train_sdft` sets `max_completion_length` itself
    assert {key: value for key, value in ours.items() if known[key] != value} == {
        "max_completion_length": 512
    }


@given(st.integers(1, 10_000), st.integers(1, 64), st.integers(1, 8), st.integers(1, 3))
def test_steps(num_examples, batch, accumulation, epochs):
    training = {
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulation,
        "num_train_epochs": epochs,
    }
    steps = course_of(num_examples, training).num_steps
    assert steps * batch * accumulation >= num_examples * epochs
    assert (steps / epochs - 1) * batch * accumulation < num_examples
    assert course_of(num_examples, {**training, "max_steps": 7}).num_steps == 7
    assert course_of(num_examples, training, num_processes=2).num_steps <= steps


@given(st.integers(1, 1000), st.integers(1, 8), st.integers(1, 4), st.integers(2, 4))
def test_online_steps(num_prompts, groups, accumulation, k):
    training = {
        "per_device_train_batch_size": groups * k,
        "gradient_accumulation_steps": accumulation,
        "num_train_epochs": 1,
        "num_generations": k,
    }
    found = online_course_of(num_prompts, TrainConfig(method="grpo", training=training))
    assert found.num_completions == found.num_examples <= num_prompts * k
    assert found.num_completions > num_prompts * k - groups * k * accumulation
    again = TrainConfig(method="rloo", training={**training, "num_iterations": 2})
    twice = online_course_of(num_prompts, again)
    assert twice.num_steps == 2 * found.num_steps
    assert twice.num_completions == found.num_completions


def isoglot(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def test_the_command(capsys):
    code, out, _ = isoglot(capsys, "plan", "lidr", "--usd-per-hour", "2.5")
    assert code == 0
    for word in ("generate", "translate", "train", "h100", "assumed", "≤", "USD", "GiB"):
        assert word in out
    code, out, _ = isoglot(capsys, "plan", "lidr", "--json", "prompts.num_families=7")
    assert code == 0
    assert json.loads(out)["totals"]["num"]["prompts"] == 2 * 5 * 7


@pytest.mark.parametrize("name", ["lidr", "xllms-100-llama2-7b", "rlhf-aya23-8b-dpo"])
def test_a_plan_can_be_read_in_80_columns(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = isoglot(capsys, "plan", name)
    assert max(map(len, out.splitlines())) <= 80
    table, _, rest = out.partition("\nA  ")
    for stage in ("generate", "translate", "train"):
        (row, *_) = (line for line in table.splitlines() if line.startswith(f" {stage} "))
        assert re.search(r"\d", row), "a row is one line"
    assert "GiB" in rest
    figures = [line.split()[-1] for line in table.splitlines() if line.startswith(" train ")]
    assert all(re.fullmatch(r"[\d.,–]+", hours) for hours in figures), "hours are whole"


def test_the_memory_of_each_stage_is_planned():
    plan = plan_of(load_recipe("lidr"))
    memory = {each.stage: each for each in plan.memory}
    assert memory.keys() >= {"generate", "translate", "train"}
    assert all(each.gib == pytest.approx(sum(each.parts.values())) for each in plan.memory)
    assert plan.device_gib == 80
    adapters = plan_of(load_recipe("lidr", {"train.lora": {}}))
    trained = next(each for each in adapters.memory if each.stage == "train")
    assert trained.fits
    assert trained.gib < memory["train"].gib / 2
    small = plan_of(load_recipe("lidr", {"train.lora": {}}), device="rtx4090")
    assert small.device_gib == 24
    assert small.totals.hours.most > adapters.totals.hours.most
    assert any("rtx4090" in rate.device for rate in small.assumed.rates)


def test_a_plan_refuses_a_bad_key_of_the_trainer_as_a_run_does(capsys):
    code, _, err = isoglot(capsys, "plan", "lidr", "train.training.learning_rat=1e-6")
    assert code == 2
    assert "did you mean 'learning_rate'" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lidr-labb",), "did you mean 'lidr-lab'"),
        (("lidr", "prompts.num_familes=7"), "did you mean 'num_families'"),
        (("lidr", "--device", "abacus"), "no throughput of generate.vllm on 'abacus'"),
        (("lidr", "--throughput", "none.toml"), "cannot read the throughput none.toml"),
        (("lidr", "rounds=1", "prompts.num_families=null"), "cannot count the prompts"),
    ],
)
def test_bad_input_is_one_line(capsys, arguments, words):
    code, _, err = isoglot(capsys, "plan", *arguments)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1


def test_families_that_the_last_round_lacks_are_missed_now(tmp_path, tiny_policy):
    rows = [json.dumps({"text": f"How many is {i}?", "i": i, "lang": tag})
            for i in range(10) for tag in ("en", "es", "sw")]  # fmt: skip
    (tmp_path / "p.jsonl").write_text("\n".join(rows))
    source = (
        f"{{kind: file, path: {tmp_path}/p.jsonl, columns: {{prompt: text, language: lang}}, "
        "family: [i]}"
    )
    settings = (f"prompts.source={source}", "prompts.grader=null", "rounds=2")
    with pytest.raises(ValueError, match="expected at least 16 families"):
        plan_of(tiny_recipe(tiny_policy, *settings))
    plan = works(tiny_recipe(tiny_policy, *settings, "prompts.num_families=5"))
    assert num(plan["prompts"]) == 15


def test_every_stage_of_the_table_is_counted():
    assert set(COUNTERS) == {stage.name for stage in STAGES}


def test_a_template_that_writes_the_date_is_in_the_notes(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "dated")
    before = plan_of(tiny_recipe(folder)).notes
    template = folder / "chat_template.jinja"
    template.write_text("{{ strftime_now('%Y') }}" + template.read_text())
    (note,) = set(plan_of(tiny_recipe(folder)).notes) - set(before)
    assert re.fullmatch(rf".*dated: its chat template writes the date .*, {date.today()} .*", note)
