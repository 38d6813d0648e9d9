"""The families of models that users have: one template for everything, a step of each training."""

import math
from pathlib import Path

import pytest
from architectures import BLOOM, QWEN, SHAPES, save_model, tokenizer_of, trained_bpe
from by_hand import demonstration_rows, largest_difference, log_lines, preference_rows, write_rows

from isoglot.core.protocols import Sampling
from isoglot.core.records import FinishReason, Prompt
from isoglot.core.store import write_shard
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.transformers import CausalModel, TransformersSampler
from isoglot.train.dpo import train_dpo
from isoglot.train.online import train_online
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
from isoglot.train.sft import train_sft
from isoglot.train.template import check_template, end_ids, load_training_tokenizer

ONE_STEP = {
    "per_device_train_batch_size": 2, "max_steps": 1, "logging_steps": 1, "learning_rate": 1e-2,
    "use_cpu": True, "bf16": False, "save_strategy": "no",
}  # fmt: skip


@pytest.fixture(scope="session")
def bpe():
    return trained_bpe()


@pytest.fixture(scope="session")
def policy_of(bpe, tmp_path_factory):
    """The policy of an architecture; BLOOM, which has no template, is given one in a file."""
    found = {}

    def policy(name):
        if name not in found:
            folder = save_model(tmp_path_factory.mktemp(name) / name, SHAPES[name], bpe)
            file = folder.parent / "bloom.jinja"
            file.write_text(BLOOM)
            found[name] = Policy(str(folder), template=str(file) if name == "bloom" else None)
        return found[name]

    return policy


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """Preferences, demonstrations and prompts, in a file each."""
    folder = tmp_path_factory.mktemp("rows")
    asked = [Prompt.from_text("How many?", language=tag) for tag in ("en", "sw")]
    write_shard(folder / "prompts.parquet", asked, Prompt)
    return {
        "dpo": write_rows(folder / "p.parquet", preference_rows(3)),
        "sft": write_rows(folder / "d.parquet", demonstration_rows(3)),
        **dict.fromkeys(("rloo", "grpo"), folder / "prompts.parquet"),
    }


def answers_of(policy):
    config = WeightsConfig(path=policy.path, device="cpu", chat_template=policy.template)
    sampler = TransformersSampler(config)
    asked = [Prompt.from_text("How many?", language="en")]
    return sampler.sample(asked, Sampling(max_new_tokens=4))[0][0], sampler


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_a_step_of_each_training_and_an_answer(policy_of, rows, tmp_path, name):
    policy = policy_of(name)
    for method, train in (("sft", train_sft), ("dpo", train_dpo)):
        config = TrainConfig(method=method, training=ONE_STEP)
        train([rows[method]], policy, tmp_path / method, config, seed=0)
    online = {**ONE_STEP, "num_generations": 2, "max_completion_length": 3, "beta": 0.1}
    for method in ("rloo", "grpo"):
        train_online(
            [rows[method]],
            policy,
            tmp_path / method,
            TrainConfig(method=method, training=online),
            lambda _, answers: [float(len(answer.text)) for answer in answers],
            lambda texts: [None] * len(texts),
            seed=0,
        )
    for method in ("sft", "dpo", "rloo", "grpo"):
        (line,) = log_lines(tmp_path / method)
        assert math.isfinite(line["loss"])
        moved = largest_difference(Path(policy.path), tmp_path / method / "policy")
        assert method in ("rloo", "grpo") or moved > 0
        answer, sampler = answers_of(Policy(str(tmp_path / method / "policy")))
        assert answer.finish_reason in (FinishReason.STOP, FinishReason.LENGTH)
        shape = SHAPES[name]
        assert set(sampler.tokenizer.convert_ids_to_tokens(sampler.eos_ids)) == {
            shape.eos, *shape.ends,
        }, "what ends an answer stays so"  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_generation_and_every_training_see_the_same_ids(policy_of, tmp_path, name):
    """Against what TRL's own trainers make of the rows."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    policy = policy_of(name)
    tokenizer = load_training_tokenizer(policy)
    settings = {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "report_to": "none"}
    pairs = preference_rows(3)
    shown = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in pairs]
    given = {"model": policy.path, "processing_class": tokenizer}
    sft = SFTTrainer(args=SFTConfig(**settings), train_dataset=Dataset.from_list(shown), **given)
    dpo = DPOTrainer(args=DPOConfig(**settings), train_dataset=Dataset.from_list(pairs), **given)
    found = check_template(tokenizer, end_ids(policy, tokenizer), pairs)
    generation = CausalModel.in_training(None, tokenizer, "policy")
    for i, row in enumerate(pairs):
        asked = Prompt("f", "p", row["language"], row["prompt"], row["language"])
        (ids,) = generation.encoder.encode([generation.encoder.render(asked)])
        learned, labels = sft.train_dataset[i]["input_ids"], sft.train_dataset[i]["labels"]
        assert learned[: len(ids)] == ids == dpo.train_dataset[i]["prompt_ids"]
        assert [label != -100 for label in labels] == [k >= len(ids) for k in range(len(labels))]
        assert learned[len(ids) :] == dpo.train_dataset[i]["chosen_ids"]
        rejected = dpo.train_dataset[i]["rejected_ids"]
        part = {"prompt": ids, "chosen": learned[len(ids) :], "rejected": rejected}
        assert found[i].parts == {side: tokenizer.decode(part[side]) for side in part}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "gemma3",
            "takes turns of .*, got TemplateError: System role not supported; leave",
        ),
        ("mistral", "loses the turn of 'system'"),
    ],
)
def test_a_template_without_a_system_turn_is_one_line(bpe, name, message):
    tokenizer = tokenizer_of(SHAPES[name], bpe)
    row = preference_rows(1)[0]
    row["prompt"].insert(0, {"role": "system", "content": "Be short."})
    with pytest.raises(ValueError, match=message):
        check_template(tokenizer, [tokenizer.eos_token_id], [row])


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("cohere2", "{{ m.content }}", "{{ m.content if m.role == 'user' }}", "loses the turn"),
        ("llama", "{{ bos_token }}", "{{ bos_token }}{{ bos_token }}", r"one <\|begin_of_text\|>"),
        ("qwen3", "<|im_end|>\n{% endfor %}", "\n{% endfor %}", "at which generation stops, <"),
        ("llama", "{{ m.role }}", "{{ m.role }}{{ messages | length }}", "with and without its"),
    ],
)
def test_a_template_that_spoils_a_training_is_one_line(bpe, name, old, new, message):
    tokenizer = tokenizer_of(SHAPES[name], bpe)
    ends = [tokenizer.eos_token_id]
    check_template(tokenizer, ends, preference_rows(3))
    assert old in tokenizer.chat_template
    tokenizer.chat_template = tokenizer.chat_template.replace(old, new)
    with pytest.raises(ValueError, match=message) as told:
        check_template(tokenizer, ends, preference_rows(3))
    assert "\n" not in str(told.value)


def test_a_model_without_a_template_is_one_line(policy_of):
    with pytest.raises(ValueError, match=r"got none in .*bloom; start .* policy.chat_template"):
        load_training_tokenizer(policy_of("bloom")._replace(template=None))
    with pytest.raises(ValueError, match=r"a file with a chat template at nowhere.jinja, got none"):
        load_training_tokenizer(policy_of("bloom")._replace(template="nowhere.jinja"))


def test_thinking_is_no_part_of_an_answer(policy_of):
    _, sampler = answers_of(policy_of("qwen3"))

    def answer(text, **how):
        ids = sampler.tokenizer(text, add_special_tokens=False)["input_ids"]
        return sampler.encoder.answer(ids, sampler.eos_ids, **how)[:2]

    assert answer("<think>\n7\n</think>\n\n7 apples<|im_end|>") == ("7 apples", "stop")
    assert answer("7\n</think>\n\n7 app", thinks=True) == ("7 app", "length")
    for unclosed in ("<think>\n7 or 8", "<think>\n7<|im_end|>"):
        assert answer(unclosed) == ("", "length")
    assert answer("7", thinks=True) == ("", "length")


def test_a_template_that_does_not_think(policy_of, tmp_path):
    """The same prompt in generation and training, which ends its thinking before the answer."""
    file = tmp_path / "short.jinja"
    file.write_text("{% set enable_thinking = false %}" + QWEN)
    policy = policy_of("qwen3")._replace(template=str(file))
    tokenizer = load_training_tokenizer(policy)
    (shown, *_) = check_template(tokenizer, end_ids(policy, tokenizer), preference_rows(3))
    assert shown.parts["prompt"].endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert "think" not in shown.parts["chosen"]


def test_packing_where_rows_would_see_each_other_is_refused(policy_of, rows, tmp_path):
    """BLOOM's positions are distances, which begin nowhere."""
    config = TrainConfig(method="sft", training={**ONE_STEP, "packing": True})
    with pytest.raises(ValueError, match=r"got bloom with attention .*; remove `packing`"):
        train_sft([rows["sft"]], policy_of("bloom"), tmp_path / "out", config, seed=0)
    assert not (tmp_path / "out/policy").exists()
