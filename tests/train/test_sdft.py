"""On-policy self-distillation: the loss by hand, its teacher, resuming, the log."""

import pytest
from by_hand import LANGUAGES, Killed, largest_difference, log_lines

from isoglot.core.errors import InputError
from isoglot.core.records import PrivilegedPrompt, Prompt
from isoglot.core.store import shard_path, write_shard
from isoglot.models.local.encoder import PromptEncoder
from isoglot.train import sdft
from isoglot.train.adapters import adapter_arguments
from isoglot.train.arguments import training_arguments
from isoglot.train.online import load_prompts
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig, no_step, quiet
from isoglot.train.template import load_training_tokenizer
from isoglot.train.trainer import make_trainer

TRAINING = {
    "per_device_train_batch_size": 6,
    "num_generations": 2,
    "max_completion_length": 6,
    "distillation_mode": "full_logits",
    "distillation_alpha": 0.0,
    "learning_rate": 1e-2,
    "lr_scheduler_type": "constant",
    "logging_steps": 1,
    "save_steps": 2,
    "use_cpu": True,
    "bf16": False,
}


def row_of(tag, i, context):
    prompt = Prompt.from_text(f"{tag} {i} apples?", language=tag, family=str(i))
    given = prompt.family, prompt.prompt_id, tag, tag, str(i), "policy", None
    return PrivilegedPrompt(prompt.prompt, context, *given)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("privileged")
    rows = [row_of(tag, i, f"a a a {i} {{}}") for i in range(6) for tag in LANGUAGES]
    write_shard(shard_path(folder, 0), rows, PrivilegedPrompt)
    return [shard_path(folder, 0)]


def in_english(texts):
    return ["en"] * len(texts)


def run(files, policy, out, lora=None, on_step=no_step, seed=1, **training):
    config = TrainConfig(method="sdft", lora=lora, training={**TRAINING, **training})
    start = Policy(str(policy))
    return sdft.train_sdft(files, start, out, config, in_english, seed=seed, on_step=on_step)


def test_the_student_comes_near_to_its_teacher(files, tiny_policy, tmp_path):
    summary = run(files, tiny_policy, tmp_path, num_train_epochs=4)
    lines = log_lines(tmp_path)
    assert [line["step"] for line in lines] == list(range(1, 25))
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]
    for line in lines:
        assert set(line["languages"]) == set(LANGUAGES), "each step sees every language"
        for tag, row in line["languages"].items():
            assert row["n"] == 2
            assert 1 <= row["num_tokens"] <= 6
            assert row["off_target"] == float(tag != "en")
            assert row["kl"] is not None
    assert (summary["num_prompts"], summary["num_dropped"]) == (18, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "inputs.json", "log.jsonl", "policy", "train.json",
    ]  # fmt: skip


def made_trainer(files, policy, tmp_path, lora):
    """A trainer with one batch of completions, whose student is no longer the start."""
    import torch
    from trl.experimental.sdft import SDFTTrainer

    config = TrainConfig(method="sdft", lora=lora, training=TRAINING)
    start = Policy(str(policy))
    with quiet():
        args = training_arguments(config, start, tmp_path / "out", seed=1)
        tokenizer = load_training_tokenizer(start)
        rows = load_prompts(files, tmp_path / "cache", sdft._COLUMNS, ())
        made = sdft.PerLanguageSDFT, SDFTTrainer, start, args, rows, tokenizer, no_step
        trainer = make_trainer(*made, **adapter_arguments(config.lora, None))
    trainer.encoder = PromptEncoder.of_tokenizer(tokenizer, "policy")
    trainer.identify = in_english
    trainer.start_log(tmp_path / "log.jsonl", config)
    batch = next(iter(trainer.get_train_dataloader()))
    torch.manual_seed(5)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight += 0.1 * torch.randn_like(weight)
    return trainer, batch, trainer._prepare_training_batch(batch)


@pytest.mark.parametrize("lora", [None, {"r": 2, "alpha": 4}])
def test_loss_and_teacher_by_hand(files, tiny_policy, tmp_path, lora):
    """KL of the teacher from the student at each token, their mean over a completion, then over
    completions; the teacher is the start with the context, whatever the student has become."""
    import torch
    from transformers import AutoModelForCausalLM

    trainer, rows, batch = made_trainer(files, tiny_policy, tmp_path, lora)
    with torch.no_grad():
        trainer.current_gradient_accumulation_steps = 1
        loss = float(trainer.compute_loss(trainer.model, batch))
    start = AutoModelForCausalLM.from_pretrained(tiny_policy)
    encode = trainer.processing_class

    def logps(model, text, completion):
        before = encode(f"<|user|>{text}<|end|><|assistant|>", add_special_tokens=False).input_ids
        with torch.no_grad():
            logits = model(torch.tensor([before + completion])).logits[0]
        return logits.log_softmax(-1)[len(before) - 1 : -1]

    by_hand, gaps = [], []
    for row, completion in zip(rows, trainer._get_completion_ids_list(batch), strict=True):
        text = row["prompt"][0]["content"]
        student = logps(trainer.model, text, completion)
        teacher = logps(start, f"{text}\n\n{row['privileged_context']}", completion)
        by_hand.append(float((teacher.exp() * (teacher - student)).sum(-1).mean()))
        places = range(len(completion)), completion
        gaps.append(float((student[places] - teacher[places]).sum()))
    assert loss == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-4)
    assert [row["kl"] for _, row in trainer._rows] == pytest.approx(gaps, rel=1e-3, abs=1e-4)
    assert max(by_hand) > 0.01


@pytest.mark.parametrize("lora", [None, {"r": 2, "alpha": 4}])
def test_resumed_is_uninterrupted(files, tiny_policy, tmp_path, lora):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(files, tiny_policy, whole, lora, num_train_epochs=2)

    def kill(step, total, *_):
        assert total == 12
        if step == 11:
            raise Killed

    with pytest.raises(Killed):
        run(files, tiny_policy, cut, lora, kill, num_train_epochs=2)
    assert not (cut / "policy").exists()
    summary = run(files, tiny_policy, cut, lora, num_train_epochs=2)
    assert summary["resumed_from"] == "checkpoint-10", "in the second epoch"
    assert largest_difference(whole / "policy", cut / "policy") < 1e-6
    assert largest_difference(whole / "policy", tiny_policy) > 1e-3
    for resumed, uninterrupted in zip(log_lines(cut), log_lines(whole), strict=True):
        assert resumed["languages"] == uninterrupted["languages"]


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"distilation_mode": 2}, "did you mean 'distillation_mode'"),
        ({"teacher_prompt_template": "{prompt}"}, "must contain both"),
        ({"teacher_prompt_template": "{prompt}{privileged_context}{x}"}, "double other braces"),
        ({"max_prompt_length": 9}, "remove it"),
        ({"max_completion_length": 120}, "got 0 of 18 that leave room"),
        ({"num_iterations": 3}, "which serve 3 steps, got save_steps 2; set it to a multiple"),
    ],
)
def test_bad_settings_are_one_line(files, tiny_policy, tmp_path, training, message):
    with pytest.raises(InputError, match=message) as error:
        run(files, tiny_policy, tmp_path, **training)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "policy").exists()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"training": {"teacher_model_kind": "ema"}}, "no checkpoint holds such a teacher"),
        ({"lora": {"r": 2}, "quantization": {}}, "quantization is not for method sdft"),
    ],
)
def test_what_no_teacher_can_be(keys, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(method="sdft", **keys)


def test_a_context_without_room_is_left_out_by_language(tiny_policy, tmp_path):
    rows = [row_of(tag, i, "a") for i in range(3) for tag in LANGUAGES]
    rows.append(row_of("sw", 9, "a " * 120))
    write_shard(shard_path(tmp_path, 0), rows, PrivilegedPrompt)
    summary = run([shard_path(tmp_path, 0)], tiny_policy, tmp_path / "out", max_steps=1)
    assert summary["too_long"] == {"sw": 1}
    assert (summary["num_prompts"], summary["num_dropped"]) == (10, 1)
