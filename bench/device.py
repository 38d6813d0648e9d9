"""The steps of `bench/device.sh`: an 8B model of random weights through the line on one device.

model     makes weights and tokenizer
generate  answers by isoglot's vLLM server, in tokens a second
vllm      the same load by `vllm bench throughput`, which the first is held against
dpo       optimiser steps of the shipped recipe `lidr-llama3-8b`: seconds, MFU, peak memory
          against the plan
trl       the same rows by TRL with its defaults
rounds    a run of two rounds: each stage finds the memory that the one before gave back
"""

import argparse
import json
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from memory import GIB, write_rows

EIGHT_B = {
    "vocab_size": 128_256, "hidden_size": 4096, "intermediate_size": 14_336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "max_position_embeddings": 8192, "rope_theta": 500_000.0,
}  # fmt: skip
TINY = {
    "vocab_size": 2048, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 1024,
}  # fmt: skip
LOADS = {
    # prompts, tokens of a prompt, tokens of an answer; length of a pair, rows, batches a step
    "8b": ((512, 256, 256), (3072, 4, 2)),
    "tiny": ((16, 32, 16), (128, 2, 2)),
}
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16, by the makers' data sheets."""
SHARES = {"8b": 0.9, "tiny": 0.2}
"""Share of the device's memory that vLLM takes."""
STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    steps = (model, generate, vllm, dpo, trl, rounds)
    parser.add_argument("step", choices=[each.__name__ for each in steps])
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", choices=sorted(LOADS), default="8b")
    parser.add_argument("--vllm", type=Path, help="environment of vLLM")
    args = parser.parse_args()
    start = time.monotonic()
    told = next(each for each in steps if each.__name__ == args.step)(args)
    print(f"{args.step}: {told} [{time.monotonic() - start:.0f} s in all]")


def model(args: argparse.Namespace) -> str:
    """Save a Llama of random weights, with a tokenizer of as many tokens."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = EIGHT_B if args.size == "8b" else TINY
    tokenizer = tokenizer_of(sizes["vocab_size"])
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    torch.set_default_dtype(dtype)
    ids = {"pad_token_id": 0, "bos_token_id": None, "eos_token_id": 1}
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        made = LlamaForCausalLM(LlamaConfig(**sizes, **ids))
    made.save_pretrained(args.out / "model")
    tokenizer.save_pretrained(args.out / "model")
    return f"{made.num_parameters() / 1e9:.3f} B parameters in {dtype}"


def tokenizer_of(size: int) -> Any:
    """A byte-level BPE whose merges are all pairs of letters, then all pairs of those."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate([*special, *letters])}
    merges: list[tuple[str, str]] = []
    for first in [*letters, *(a + b for a in letters for b in letters)]:
        for second in letters:
            if len(vocabulary) < size and first in vocabulary and first + second not in vocabulary:
                vocabulary[first + second] = len(vocabulary)
                merges.append((first, second))
    bpe = Tokenizer(models.BPE(vocabulary, merges))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=special[0], eos_token=special[1],
        additional_special_tokens=special[2:],
    )  # fmt: skip
    made.chat_template = (
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    return made


def engine(args: argparse.Namespace, length: int) -> dict[str, Any]:
    """The settings of isoglot's vLLM."""
    return {
        "command": [str(args.vllm / "bin/vllm"), "serve"],
        "max_model_len": length,
        "gpu_memory_utilization": SHARES[args.size],
        "arguments": {"enforce-eager": True} if args.size == "tiny" else {},
    }


def generate(args: argparse.Namespace) -> str:
    """Answer prompts of one length."""
    from isoglot.core.protocols import Sampling
    from isoglot.core.records import Prompt
    from isoglot.models.load import load_sampler, servers_in
    from isoglot.models.local.config import WeightsConfig

    (num, prompt, answer), _ = LOADS[args.size]
    texts = [f"{i:05d}" + "ab " * prompt for i in range(num)]
    prompts = [Prompt.from_text(text[: 2 * prompt], language="en") for text in texts]
    config = WeightsConfig(
        engine="vllm", path=str(args.out / "model"), vllm=engine(args, 2 * (prompt * 2 + answer))
    )
    counted = [0]

    def tick(_num: int, _language: str, num_tokens: int = 0) -> None:
        counted[0] += num_tokens

    with servers_in(args.out):
        sampler = load_sampler(config)
        sampler.sample(prompts[:1], Sampling(max_new_tokens=answer))
        start = time.perf_counter()
        sampler.sample(prompts, Sampling(max_new_tokens=answer), tick)
        seconds = time.perf_counter() - start
    return f"{counted[0] / seconds:,.0f} tokens/s by isoglot ({num} answers in {seconds:.1f} s)"


def vllm(args: argparse.Namespace) -> str:
    """Measure vLLM's own benchmark."""
    (num, prompt, answer), _ = LOADS[args.size]
    options = {
        "model": args.out / "model", "dataset-name": "random", "random-input-len": prompt,
        "random-output-len": answer, "num-prompts": num, "max-model-len": 2 * (prompt * 2 + answer),
        "gpu-memory-utilization": SHARES[args.size],
    }  # fmt: skip
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    words += ["--enforce-eager"] if args.size == "tiny" else []
    command = [str(args.vllm / "bin/vllm"), "bench", "throughput", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (args.out / "vllm-bench.log").write_text(done.stdout + done.stderr)
    found = re.search(r"([\d.]+) output tokens/s", done.stdout)
    if not found:
        raise SystemExit(f"`vllm bench throughput` printed no rate: {args.out / 'vllm-bench.log'}")
    return f"{float(found[1]):,.0f} tokens/s by vllm bench"


def recipe_training(args: argparse.Namespace) -> dict[str, Any]:
    """The `train:` section of the shipped recipe, cut to a few batches a step."""
    from isoglot.recipe.recipe import load_recipe

    _, (length, rows, batches) = LOADS[args.size]
    train = load_recipe("lidr-llama3-8b", ["prompts.source.path=none.jsonl"]).train
    assert train is not None
    section = train.model_dump(mode="json")
    section["training"] |= {
        "max_length": length, "per_device_train_batch_size": rows, "save_strategy": "no",
        "gradient_accumulation_steps": batches, "max_steps": STEPS, "logging_steps": 1,
    }  # fmt: skip
    return section


def dpo(args: argparse.Namespace) -> str:
    """Train a few steps, with rows of the longest length."""
    from isoglot.models.memory import Device
    from isoglot.models.shape import model_shape
    from isoglot.train.dpo import train_dpo
    from isoglot.train.memory import training_memory
    from isoglot.train.policy import Policy
    from isoglot.train.settings import TrainConfig

    path, (_, (length, rows, batches)) = str(args.out / "model"), LOADS[args.size]
    file = write_rows(args.out, path, "dpo", length, STEPS * rows * batches)
    config = TrainConfig(**recipe_training(args))
    times: list[tuple[float, float]] = []
    peaks: list[int] = []

    def on_step(step: float, _total: int, _num_tokens: int = 0, phase: str = "") -> None:
        peaks.append(peak_memory())  # before the policy is saved and compared
        if not phase:
            times.append((step, time.perf_counter()))

    train_dpo([file], Policy(path), args.out / "dpo", config, seed=1, on_step=on_step)
    whole = [when for step, when in times if step == int(step)]
    seconds = (whole[-1] - whole[1]) / (STEPS - 1)
    shape = model_shape(path, fetch=False)
    assert shape is not None
    peak = peaks[-1]
    plan = training_memory(shape, config, Device("here", 80 * GIB), length).total
    held = f"peak {peak / GIB:.1f} GiB, planned {plan / GIB:.1f}" if peak else "peak not measured"
    return f"{speed(2 * rows * batches * length, seconds, shape.num_weights)}; {held}"


def trl(args: argparse.Namespace) -> str:
    """Train a few steps by TRL's defaults, and the adapters of the recipe."""
    import torch
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    path, times = str(args.out / "model"), []
    columns = ["prompt", "chosen", "rejected"]
    rows = load_dataset("parquet", data_files=str(args.out / "rows.parquet"), split="train")

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(time.perf_counter())

    here = {} if torch.cuda.is_available() else {"use_cpu": True, "bf16": False}
    steps = {"max_steps": STEPS, "save_strategy": "no", "report_to": "none"}
    config = DPOConfig(str(args.out / "trl"), **steps, **here)
    trainer = DPOTrainer(
        model=path, args=config, train_dataset=rows.select_columns(columns).repeat(8),
        processing_class=AutoTokenizer.from_pretrained(path), callbacks=[Clock()],
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"),
    )  # fmt: skip
    trainer.train()
    seconds = (times[-1] - times[0]) / (STEPS - 1)
    _, (length, _, _) = LOADS[args.size]
    num_tokens = 2 * config.per_device_train_batch_size * min(length, config.max_length or length)
    num = sum(weight.numel() for weight in trainer.model.parameters())
    peak = peak_memory()
    return speed(num_tokens, seconds, num) + (f"; peak {peak / GIB:.1f} GiB" if peak else "")


def speed(num_tokens: int, seconds: float, parameters: int) -> str:
    """Describe a step: tokens a second, and model FLOPs over the device's peak.

    A token costs 4 FLOPs a parameter with a frozen base: 2 forwards, 2 backwards.
    """
    import torch

    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    peak = next((flops for key, flops in PEAK_FLOPS.items() if key in name), None)
    rate = num_tokens / seconds
    mfu = f"{100 * 4 * parameters * rate / peak:.0f} %" if peak else "not measured"
    return f"{seconds:.2f} s a step, {rate:,.0f} tokens/s, MFU {mfu}"


def peak_memory() -> int:
    """The most memory of the accelerator that this process held; 0 without one."""
    import torch

    return torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0


def rounds(args: argparse.Namespace) -> str:
    """Run two rounds, and watch the memory of the device between the stages."""
    from isoglot.line.pipeline import run_recipe
    from isoglot.recipe.recipe import load_recipe

    prompts = args.out / "prompts.jsonl"
    rows = [{"prompt": f"How many of {i}?", "language": "en"} for i in range(32)]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    policy = {"path": str(args.out / "model"), "engine": "vllm" if args.vllm else "transformers"}
    if args.vllm:
        policy["vllm"] = engine(args, 512)  # type: ignore[assignment]
    train = recipe_training(args)
    train["training"] |= {"max_steps": 1, "gradient_accumulation_steps": 1, "max_length": 128}
    keys = {
        "languages": ["en"], "unseen_languages": [], "rounds": 2, "policy": policy,
        "prompts": {"source": {"kind": "file", "path": str(prompts)}, "num_families": 16},
        "generate": {"sampling": {"num_samples": 2, "temperature": 1.0, "max_new_tokens": 32}},
        "translate": None, "score": {"scorers": ["length"]}, "pair": {"method": "best_vs_worst"},
        "filter": {"filters": ["same_text"]}, "train": train, "evaluate": {},
    }  # fmt: skip
    path = args.out / "rounds.yaml"
    path.write_text(json.dumps({"name": "device", "description": "Two rounds.", **keys}))
    held: list[int] = []
    stop = threading.Event()
    watch = threading.Thread(target=_watch, args=(held, stop))
    watch.start()
    try:
        run_recipe(load_recipe(str(path)), args.out / "rounds", silent=True)
    finally:
        stop.set()
        watch.join()
    done = sorted((args.out / "rounds").glob("round-*/*/done.json"))
    seconds = {f"{e.parts[-3]}/{e.parts[-2]}": json.loads(e.read_text())["seconds"] for e in done}
    slow = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items() if value >= 1)
    after = f"{held[0]} MiB held before, {max(held)} at most, {held[-1]} after" if held else ""
    return f"{len(done)} stages of two rounds ({slow or 'none over 1 s'}); {after or 'no device'}"


def _watch(held: list[int], stop: threading.Event) -> None:
    """Note the memory of the device that all processes hold, in MiB, once a second."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    while not stop.wait(1):
        try:
            found = subprocess.run(query, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return
        held.append(int(found.split()[0]))


if __name__ == "__main__":
    main()
