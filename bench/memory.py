"""Peak memory of real trainings against the plan's formula (`train/memory.py`).

    python bench/memory.py run MODEL [CASES]     # trains; a process for each case, minutes each
    python bench/memory.py published             # against published peaks of models of 7B and 8B

A case is two optimiser steps on rows of the longest length. Measured is the
peak of the process's resident memory less that before the model was loaded.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

GIB = 2**30
ENVIRONMENT = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "262144"}
"""glibc returns blocks of this size when they are freed; else its heap grows with every step."""

CASES = [
    # method, LoRA, length, rows, batches a step, gradient checkpointing
    ("dpo", False, 256, 1, 1, False),
    ("dpo", False, 256, 2, 2, False),
    ("dpo", False, 512, 1, 1, True),
    ("dpo", True, 128, 2, 1, False),
    ("dpo", True, 256, 2, 1, False),
    ("dpo", True, 512, 1, 1, True),
    ("sft", False, 512, 1, 1, False),
    ("sft", False, 512, 2, 1, False),
    ("sft", False, 512, 2, 1, True),
    ("sft", True, 256, 2, 1, False),
    ("sft", True, 1024, 1, 1, False),
    ("rloo", False, 160, 4, 1, False),
]


def settings(method, lora, length, rows, batches, checkpoints):
    """The `train:` section of a case."""
    training = {
        "per_device_train_batch_size": rows, "gradient_accumulation_steps": batches, "max_steps": 2,
        "max_length": length, "gradient_checkpointing": checkpoints, "save_strategy": "no",
        "logging_steps": 1,
    }  # fmt: skip
    if method == "rloo":  # prompts of about 64 tokens
        del training["max_length"]
        training |= {"num_generations": 2, "max_completion_length": length - 64}
    values = {"method": method, "training": training}
    return {**values, "lora": {"r": 16, "alpha": 32}} if lora else values


def text_of(tokenizer, num_tokens):
    """A text of about so many tokens, none more."""
    words = "the cat sat on a mat and saw seven small birds fly over an old grey house"
    text = ""
    for place in range(4 * num_tokens):
        longer = f"{text} {words.split()[place % 17]}"
        if len(tokenizer.encode(longer, add_special_tokens=False)) > num_tokens:
            return text
        text = longer
    return text


def write_rows(folder, model, method, length, num):
    """Rows whose prompt and answer have `length` tokens together, less the template's few."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    prompt = [{"role": "user", "content": "Tell me a story."}]
    used = len(tokenizer.apply_chat_template(prompt, add_generation_prompt=True)["input_ids"])
    answer = [{"role": "assistant", "content": text_of(tokenizer, length - used - 4)}]
    if method == "rloo":
        from isoglot.core.records import Prompt
        from isoglot.core.store import write_shard

        text = f"Tell me a long story: {text_of(tokenizer, 40 - used)}"
        prompts = [Prompt.from_text(f"{text} {i}", language="en") for i in range(num)]
        write_shard(folder / "rows.parquet", prompts, Prompt)
        return folder / "rows.parquet"
    row = {"language": "en", "family": "f"}
    if method == "dpo":
        row |= {"prompt": prompt, "chosen": answer, "rejected": answer}
    else:
        row |= {"messages": [*prompt, *answer]}
    pq.write_table(pa.Table.from_pylist([row] * num), folder / "rows.parquet")
    return folder / "rows.parquet"


def memory(key):
    """A line of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def reward(prompts, completions):
    """Reward of online training: anything that differs."""
    return [len(each.text) / len(prompts) for each in completions]


def identify(texts):
    """No language is needed here."""
    return [None for _ in texts]


def train(model, case):
    """Train one case in this process, and print what was measured."""
    import datasets  # noqa: F401
    import peft  # noqa: F401
    import torch  # noqa: F401
    from trl import DPOTrainer, RLOOTrainer, SFTTrainer  # noqa: F401

    from isoglot.train.dpo import train_dpo
    from isoglot.train.online import train_online
    from isoglot.train.policy import Policy
    from isoglot.train.settings import TrainConfig
    from isoglot.train.sft import train_sft

    method, _, length, rows, batches, _ = case
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_rows(folder, model, method, length, 2 * batches * rows)
        config = TrainConfig(**settings(*case))
        before = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
        peak = []

        def on_step(*_):
            peak.append(memory("VmHWM"))  # before the policy is saved

        given = {"seed": 1, "on_step": on_step}
        if method == "rloo":
            train_online([file], Policy(model), folder / "out", config, reward, identify, **given)
        else:
            run = {"dpo": train_dpo, "sft": train_sft}[method]
            run([file], Policy(model), folder / "out", config, **given)
    print(json.dumps({"measured": peak[-1] - before, "steps": len(peak)}))


def planned(model, case, **more):
    """The plan of one case."""
    from isoglot.models.memory import Device
    from isoglot.models.shape import model_shape
    from isoglot.train.memory import training_memory
    from isoglot.train.settings import TrainConfig

    shape = model_shape(model, fetch=False)
    assert shape is not None
    device = Device("cpu", 64 * GIB, can_bfloat16=False, is_cpu=True)
    return training_memory(shape, TrainConfig(**settings(*case)), device, case[2], **more)


def run(model, cases=""):
    """Train every case, or those given as JSON, and print a Markdown table."""
    print(
        "| method | length | rows | batches | checkpointing | measured GiB | planned GiB | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|")
    ratios = []
    for case in json.loads(cases) if cases else CASES:
        command = [sys.executable, __file__, "train", model, json.dumps(case)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        measured = json.loads(done.stdout.splitlines()[-1])["measured"]
        plan = planned(model, case)
        ratios.append(plan.total / measured)
        method, lora, length, rows, batches, checkpoints = case
        print(
            f"| {method} {'LoRA' if lora else 'full'} | {length} | {rows} | "
            f"{batches} | "
            f"{'yes' if checkpoints else 'no'} | {measured / GIB:.2f} | {plan.total / GIB:.2f} | "
            f"{ratios[-1]:.2f} |",
            flush=True,
        )
        print(plan.describe(), file=sys.stderr, flush=True)
    print(f"\nplanned / measured: {min(ratios):.2f} to {max(ratios):.2f}")


QWEN_7B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
    "vocab_size": 151936, "max_position_embeddings": 8192, "dtype": "bfloat16",
}  # fmt: skip
"""Qwen-7B by the sizes of its config.json; its own code has the layers of Llama."""
LLAMA_8B = "meta-llama/Meta-Llama-3-8B-Instruct"
LOGIT_BYTES = 10
"""Other trainers than TRL 1.16 hold whole logits: 2 bytes, 4 in float32, and 4 of gradients."""
PUBLISHED = [
    # source, model, method, dtype of the weights, rank and rows * tokens of LoRA, GiB published
    *(
        ("QwenLM/Qwen README @03cd81f, A100", QWEN_7B, "lora", 64, (1, length), gb * 1e9 / GIB)
        for length, gb in zip(
            (256, 512, 1024, 2048, 4096, 8192), (20.1, 20.4, 21.5, 23.8, 29.7, 36.6), strict=True
        )
    ),
    ("Universal LLM Trainer, GPU Test, H100", LLAMA_8B, "full", 0, (2, 8192), 78.0),
    ("Universal LLM Trainer, GPU Test, H100", LLAMA_8B, "lora", 16, (2, 8192), 36.0),
]


def published():
    """Print the plan beside published peaks, whose logits are added since they held them whole."""
    from isoglot.models.memory import Device
    from isoglot.models.shape import _of_tensors, built_shapes, model_shape
    from isoglot.train.memory import training_moments
    from isoglot.train.settings import TrainConfig

    gpu = Device("gpu", 80 * GIB)
    print("| source | method | rows x tokens | published GiB | planned GiB | ratio |")
    print("|---|---|---|---|---|---|")
    for source, model, method, rank, (rows, length), gib in PUBLISHED:
        shape = (
            _of_tensors(model, built_shapes(model))
            if isinstance(model, dict)
            else model_shape(model, fetch=False)
        )
        training = {
            "per_device_train_batch_size": rows, "max_length": length, "bf16": True,
            "gradient_checkpointing": True, "model_init_kwargs": {"dtype": "bfloat16"},
            "gradient_accumulation_steps": 8 if method == "lora" else 1,
        }  # fmt: skip
        config = {"method": "sft", "training": training}
        config |= {"lora": {"r": rank}} if rank else {}
        whole = rows * length * shape.vocabulary * LOGIT_BYTES
        moments = training_moments(shape, TrainConfig(**config), gpu, length)
        plan = max(each.total + whole * ("logits" in each.parts) for each in moments) / GIB
        print(
            f"| {source} | {method} | {rows} x {length} | {gib:.1f} | {plan:.1f} | "
            f"{plan / gib:.2f} |"
        )


def main():
    """Dispatch on the first argument."""
    verb, *rest = sys.argv[1:] or ["run"]
    if verb == "train":
        train(rest[0], json.loads(rest[1]))
    elif verb == "run":
        run(*rest)
    elif verb == "published":
        published()


if __name__ == "__main__":
    main()
