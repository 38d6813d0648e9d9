"""Compare the engines on the same prompts: transformers, vLLM through isoglot, and vLLM alone.

    OMP_NUM_THREADS=2 VLLM_CPU_KVCACHE_SPACE=2 VLLM_CPU_OMP_THREADS_BIND=nobind \
        python bench/engines.py .real/smollm2 prompts.jsonl --vllm .real/vllm

Each row of PROMPTS has a `prompt` or a `text`. All are answered greedily, with answers of whatever
length the model gives them, up to `--max-new-tokens`. `alone` is vLLM's offline `LLM.generate` over
the same token ids, with the same arguments and in the environment of isoglot's server; the two ways
of vLLM alternate, since the machine is noisy. `continuous` is transformers' own continuous batching
over the same ids. No clock counts the loading of a model. `cpu` is the processor time of every
process that works, and the ratios are those of the sums over the repeats.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from isoglot.core.protocols import Sampling
from isoglot.core.records import Prompt
from isoglot.core.rows import read_rows_of_files
from isoglot.models.load import load_sampler, servers_in
from isoglot.models.local.config import WeightsConfig

Measured = dict[str, float]
"""`wall` and `cpu` in seconds, and `tokens` written."""
ROW = "{:<14} {:>8} {:>8} {:>8} {:>10} {:>10}"
ALONE = """
import json, sys, time
from vllm import LLM, SamplingParams
given = json.loads(sys.stdin.readline())
llm = LLM(**given["engine"])
params = [SamplingParams(**each) for each in given["sampling"]]
prompts = [{"prompt_token_ids": ids} for ids in given["ids"]]
llm.generate(prompts[:1], params[:1], use_tqdm=False)
print("\\nREADY", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    outputs = llm.generate(prompts, params, use_tqdm=False)
    wall = time.perf_counter() - start
    num = sum(len(output.outputs[0].token_ids) for output in outputs)
    print("\\nRESULT", json.dumps({"wall": wall, "tokens": num}), flush=True)
"""


def main() -> None:
    args = _arguments()
    os.environ |= {"HF_HUB_OFFLINE": "1", "TORCHDYNAMO_DISABLE": "1"}
    rows = (row for _, row in read_rows_of_files(args.prompts))
    texts = [str(row.get("prompt") or row["text"]) for row in rows][: args.num]
    prompts = [Prompt.from_text(text, language="en") for text in texts]
    sampling = Sampling(max_new_tokens=args.max_new_tokens)
    found: dict[str, list[Measured]] = {}
    print(f"{len(prompts)} prompts, load {os.getloadavg()[0]:.1f} before")
    print(ROW.format("", "wall, s", "cpu, s", "tokens", "tok/s wall", "tok/s cpu"))

    def note(name: str, measured: Measured) -> None:
        found.setdefault(name, []).append(measured)
        wall, cpu, tokens = (measured[key] for key in ("wall", "cpu", "tokens"))
        numbers = (f"{value:.1f}" for value in (wall, cpu))
        rates = (f"{tokens / seconds:.1f}" for seconds in (wall, cpu))
        print(ROW.format(name, *numbers, int(tokens), *rates), flush=True)

    with by_isoglot(args, prompts, sampling) as served, by_vllm_alone(args, served) as alone:
        for turn in range(args.repeats):
            ways = {"isoglot": served.run, "alone": alone}
            for name in sorted(ways, reverse=bool(turn % 2)):
                note(f"vllm {name}", ways[name]())
    if not args.no_transformers:
        for name, measured in by_transformers(args, prompts, sampling):
            note(name, measured)
    sums = {name: sum(each["wall"] for each in rows) / len(rows) for name, rows in found.items()}
    ratios = {
        f"vllm isoglot / {name}": round(sums["vllm isoglot"] / seconds, 3)
        for name, seconds in sums.items()
        if name != "vllm isoglot"
    }
    print("\n".join(f"{name}: {ratio} of the time" for name, ratio in ratios.items()))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"rows": found, "ratios": ratios}, indent=2))


class Served:
    """The model in isoglot's vLLM server, with the requests that it sends."""

    def __init__(self, model: Any, prompts: Sequence[Prompt], sampling: Sampling) -> None:
        self._model, self._prompts, self._sampling = model, prompts, sampling
        self.ids = model.encoder.encode([model.encoder.render(prompt) for prompt in prompts])
        self.eos_ids = model._eos_ids
        model.sample(prompts[:1], sampling)

    def run(self) -> Measured:
        """Answer all prompts."""
        counted = [0]

        def tick(_num: int, _language: str, num_tokens: int = 0) -> None:
            counted[0] += num_tokens

        wall, cpu = clocked(lambda: self._model.sample(self._prompts, self._sampling, tick))
        return {"wall": wall, "cpu": cpu, "tokens": counted[0]}


@contextmanager
def by_isoglot(
    args: argparse.Namespace, prompts: Sequence[Prompt], sampling: Sampling
) -> Iterator[Served]:
    """Start isoglot's server for the block."""
    settings = {
        "command": [str(args.vllm / "bin/vllm"), "serve"],
        "max_model_len": args.max_model_len,
        "max_concurrency": len(prompts),
        "arguments": {"enforce-eager": True},
    }
    config = WeightsConfig(engine="vllm", path=args.model, dtype=args.dtype, vllm=settings)
    with servers_in(args.logs):
        yield Served(load_sampler(config), prompts, sampling)


@contextmanager
def by_vllm_alone(args: argparse.Namespace, served: Served) -> Iterator[Callable[[], Measured]]:
    """Start vLLM's offline engine for the block, and give the function that answers all prompts."""
    engine = {"model": args.model, "dtype": args.dtype, "max_model_len": args.max_model_len}
    engine |= {"enforce_eager": True, "generation_config": "vllm"}
    room = args.max_model_len
    most = [min(args.max_new_tokens, room - len(ids)) for ids in served.ids]
    sampling = [
        {"temperature": 0.0, "max_tokens": each, "stop_token_ids": served.eos_ids} for each in most
    ]
    process = subprocess.Popen(
        [str(args.vllm / "bin/python"), "-c", ALONE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(args.logs / "alone.log").open("w"),
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def say(line: str, answer: str) -> str:
        print(line, file=process.stdin, flush=True)
        for told in process.stdout or ():
            if told.startswith(answer):
                return told.removeprefix(answer)
        raise SystemExit(f"vLLM alone has ended: see {args.logs / 'alone.log'}")

    def run() -> Measured:
        found: list[Measured] = []
        _, cpu = clocked(lambda: found.append(json.loads(say("go", "RESULT"))))
        return {**found[0], "cpu": cpu}

    try:
        say(json.dumps({"engine": engine, "sampling": sampling, "ids": served.ids}), "READY")
        yield run
    finally:
        process.stdin.close()
        process.wait(60)


def by_transformers(
    args: argparse.Namespace, prompts: Sequence[Prompt], sampling: Sampling
) -> Iterator[tuple[str, Measured]]:
    """Answer all prompts by isoglot's engine transformers, and by continuous batching."""
    config = WeightsConfig(engine="transformers", path=args.model, dtype=args.dtype)
    sampler = load_sampler(config)
    counted = [0]

    def tick(_num: int, _language: str, num_tokens: int = 0) -> None:
        counted[0] += num_tokens

    sampler.sample(prompts[:1], sampling)
    wall, cpu = clocked(lambda: sampler.sample(prompts, sampling, tick))
    yield "transformers", {"wall": wall, "cpu": cpu, "tokens": counted[0]}
    if args.no_continuous:
        return
    from transformers import ContinuousBatchingConfig, GenerationConfig

    model, encoder = sampler.model, sampler.encoder  # type: ignore[attr-defined]
    ids = encoder.encode([encoder.render(prompt) for prompt in prompts])
    config = GenerationConfig(
        max_new_tokens=args.max_new_tokens,
        do_sample=False,
        eos_token_id=sampler.eos_ids,  # type: ignore[attr-defined]
        pad_token_id=0,
    )
    found: list[Any] = []
    # By default its cache takes most of the memory of the machine.
    cache = ContinuousBatchingConfig(max_memory_percent=0.1)
    wall, cpu = clocked(lambda: found.append(model.generate_batch(ids, config, cache)))
    num = sum(len(each.generated_tokens) for each in found[0].values())
    yield "continuous", {"wall": wall, "cpu": cpu, "tokens": num}


def clocked(function: Callable[[], object]) -> tuple[float, float]:
    """Call a function; returns its seconds, and the processor time of all processes below."""
    before, start = _processor_seconds(), time.perf_counter()
    function()
    return time.perf_counter() - start, _processor_seconds() - before


def _processor_seconds() -> float:
    here = psutil.Process()
    total = 0.0
    for process in [here, *here.children(recursive=True)]:
        spent = process.cpu_times()
        total += spent.user + spent.system
    return total


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="folder of the weights")
    parser.add_argument("prompts", help="file of rows with a prompt or text")
    parser.add_argument("--vllm", type=Path, required=True, help="environment of vLLM")
    parser.add_argument("--num", type=int, default=200)
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--max-model-len", type=int, default=2048)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--no-transformers", action="store_true")
    parser.add_argument("--no-continuous", action="store_true")
    parser.add_argument("--logs", type=Path, default=Path("runs/bench-engines"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.logs.mkdir(parents=True, exist_ok=True)
    return args


if __name__ == "__main__":
    main()
