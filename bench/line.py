"""Measure one round of LIDR: through isoglot, and as plain scripts would do it.

Run from the root of the repository, on a machine that does nothing else:

    python bench/line.py --json runs/bench-line.json
    python bench/line.py --families 60 --memory-families 1 500 2000    # a small one

Both sides get the same model, prompts, templates and limits from the recipe, the same threads and
the CPU. Neither side evaluates.

The plain scripts are in `plain.py`: a fresh process and model load for each language and each
direction of translation, unsorted batches of `--batch-size`, then the pairs, then TRL's
`DPOTrainer` with TRL's defaults except for what the recipe sets: the loss and its weights, the
learning rate and its schedule, the batch size, the epochs and the longest sequence. (`--bf16 off`
turns off TRL's mixed precision, which helps on a CPU without bfloat16.) TRL has no likelihood by
sequence, so they train with its mean over tokens, which costs the same. They train on as many pairs
as isoglot kept, to be the same work; with `--pairs all` on every pair that has both translations,
as in the released code, which filters nothing else.

Also measured: the share of isoglot's wall time outside model calls (`sample`, the training loop,
the pass of the reference), and the peak memory before training, for few and for many prompts in
each language, with answers that cost nothing, so that only the line's own rows count. One family
shows what the libraries need without any rows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROW = "{:12} {:>9} {:>9} {:>7}"


def main() -> None:
    args = _arguments()
    if args.part:
        PARTS[args.part](json.loads(args.job))
        return
    os.environ |= {
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(args.threads),
    }
    found: dict[str, Any] = {"threads": args.threads}
    with tempfile.TemporaryDirectory(prefix="bench-line-", dir=args.scratch) as scratch:
        found["line"] = compare(args, Path(scratch))
        _print_line(found["line"])
        if args.memory_families:
            found["memory"] = memory(args.memory_families, Path(scratch))
            _print_memory(found["memory"])
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(found, indent=2) + "\n")


def compare(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Run the round on both sides; isoglot first, so that the other finds the files in memory."""
    from isoglot.core.records import Prompt
    from isoglot.core.store import read_shard, shard_paths
    from isoglot.recipe.recipe import load_recipe

    recipe = load_recipe(args.recipe)
    families = args.families or recipe.prompts.num_families
    line = scratch / "isoglot"
    seconds, ours = _part("isoglot", recipe=args.recipe, out=str(line), families=families)
    plain = scratch / "plain"
    plain.mkdir()
    for path in shard_paths(line / "round-0" / "prompts"):
        for prompt in read_shard(path, Prompt):
            with (plain / f"{prompt.language}.prompts.jsonl").open("a") as file:
                file.write(json.dumps(list(prompt.prompt)) + "\n")
    theirs = _plain_scripts(
        recipe, plain, args, num_pairs=ours["pairs"] if args.pairs == "kept" else sys.maxsize
    )
    stages = {
        "generate": ours["stages"]["generate"],
        "translate": ours["stages"]["translate"],
        "pairs": ours["stages"]["pair"] + ours["stages"]["filter"],
        "train": ours["stages"]["train"],
    }
    model = ours["calls"]["sample"] + ours["calls"]["train"]
    return {
        "families": families,
        "pairs": ours["pairs"],
        "batch_size": args.batch_size,
        "isoglot": {**stages, "whole": seconds},
        "plain": theirs,
        "ratio": theirs["whole"] / seconds,
        "isoglot_calls": ours["calls"],
        "outside_model_calls": 1 - model / seconds,
    }


def _plain_scripts(
    recipe: Any, folder: Path, args: argparse.Namespace, num_pairs: int
) -> dict[str, float]:
    """Return seconds by stage; `model` are those in generate and in the training loop."""
    seconds: Counter[str] = Counter()

    def script(stage: str, **job: Any) -> None:
        command = ["plain.py", stage, json.dumps({"folder": str(folder), **job})]
        wall, printed = _process(command, " ".join(job.get(k, "") for k in ("source", "target")))
        seconds[stage] += wall
        seconds["whole"] += wall
        seconds["model"] += printed.get("model", 0.0)

    model = {"model": recipe.policy.path, "batch_size": args.batch_size}
    for tag in recipe.languages:
        script("generate", source=tag, **_limits(recipe.generate.sampling), **model)
    config, dominant = recipe.translate, recipe.dominant_language
    others = [tag for tag in recipe.languages if tag != dominant]
    for source, target in [(dominant, o) for o in others] + [(o, dominant) for o in others]:
        wording = {"request": _request(config.template, target), "prefill": config.prefill}
        limits = _limits(config.sampling)
        script("translate", source=source, target=target, **wording, **limits, **model)
    script("pairs", dominant=dominant, others=others, pattern=config.pattern)
    training = {k: v for k, v in recipe.train.training.items() if k != "save_steps"}
    if args.bf16 == "off":
        training["bf16"] = False
    script("train", model=recipe.policy.path, num_pairs=num_pairs, training=training)
    return dict(seconds)


def _limits(sampling: Any) -> dict[str, Any]:
    return {
        "max_new_tokens": sampling.max_new_tokens,
        "repetition_penalty": sampling.repetition_penalty,
    }


def _request(template: str, target: str) -> str:
    from isoglot.core.languages import language

    return template.replace("{language}", language(target).english_name)


def isoglot_part(job: dict[str, Any]) -> None:
    """Run `isoglot run`, timing the calls of models."""
    spent: Counter[str] = Counter()
    start = time.perf_counter()
    from trl import DPOTrainer  # a run imports it in any case; here, to time it

    from isoglot.commands.main import app
    from isoglot.models.local.transformers import TransformersSampler

    spent["import"] = time.perf_counter() - start  # type: ignore[assignment]
    for owner, method, name in (
        (TransformersSampler, "__init__", "load"),
        (TransformersSampler, "sample", "sample"),
        (DPOTrainer, "_precompute_ref_logps", "train"),
        (DPOTrainer, "train", "train"),
    ):
        setattr(owner, method, _watched(getattr(owner, method), spent, name))
    out = Path(job["out"])
    changes = ["rounds=1", f"prompts.num_families={job['families']}", "evaluate={}"]
    app(["run", job["recipe"], "--out", str(out), *changes], standalone_mode=False)
    summary = json.loads((out / "summary.json").read_text())
    stages = {name.removeprefix("round-0/"): s for name, s in summary["seconds"].items()}
    kept = summary["rounds"][0]["pairs"]["kept"]
    print(json.dumps({"stages": stages, "calls": dict(spent), "pairs": kept}))


def _watched(function: Callable[..., Any], spent: Counter[str], name: str) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - start  # type: ignore[assignment]

    return watched


def memory(sizes: list[int], scratch: Path) -> dict[str, dict[str, float]]:
    """Return the peak for each number of families, after each stage, in MB (10^6 bytes)."""
    return {str(n): _part("memory", families=n, out=str(scratch / f"memory-{n}"))[1] for n in sizes}


def memory_part(job: dict[str, Any]) -> None:
    """Run the stages before training, with answers in the right language that cost nothing."""
    from isoglot.core.protocols import Sampled, no_tick
    from isoglot.core.records import FinishReason
    from isoglot.execute.ledger import Ledger
    from isoglot.lab.prompts import LabPromptConfig, lab_prompts
    from isoglot.line import job as jobs
    from isoglot.line.pipeline import run_recipe
    from isoglot.recipe.recipe import load_recipe

    changes = [f"prompts.num_families={job['families']}", "rounds=1", "evaluate={}", "train=null"]
    recipe = load_recipe("lidr-lab", changes)
    some = lab_prompts(LabPromptConfig(), recipe.languages, seed=0, num_families=1)
    text_in = {prompt.language: prompt.text for prompt in some}

    class Sampler:
        name = "bench@0"

        def sample(self, prompts: Any, sampling: Any, tick: Any = no_tick) -> Any:
            texts = [f"{text_in[p.answer_language]} {p.prompt_id}" for p in prompts]
            for i, prompt in enumerate(prompts):
                if prompt.prompt[-1]["role"] == "assistant":
                    texts[i] += "</translation>"
                tick(1, prompt.language)
            return [[Sampled(text, FinishReason.STOP)] * sampling.num_samples for text in texts]

    peaks: dict[str, float] = {}
    once = Ledger.once

    def noted(ledger: Any, name: str, *args: Any) -> Any:
        done = once(ledger, name, *args)
        peaks[name.removeprefix("round-0/")] = _peak()
        return done

    jobs.load_sampler, Ledger.once = lambda _: Sampler(), noted  # type: ignore
    kept = run_recipe(recipe, Path(job["out"]), silent=True).rounds[0].pairs.kept
    print(json.dumps({**peaks, "summary": _peak(), "pairs": kept}))


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


PARTS = {"isoglot": isoglot_part, "memory": memory_part}


def _part(part: str, **job: Any) -> tuple[float, dict[str, Any]]:
    """Run a function of `PARTS` in a process of its own."""
    return _process(["line.py", "--part", part, "--job", json.dumps(job)], str(job["families"]))


def _process(command: list[str], what: str) -> tuple[float, dict[str, Any]]:
    """Run a script of this folder; return its wall time and the object in its last line."""
    print(command[0], command[1 if command[0] == "plain.py" else 2], what, file=sys.stderr)
    start = time.perf_counter()
    script = str(Path(__file__).with_name(command[0]))
    command = [sys.executable, script, *command[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command[1:3])} failed:\n{done.stderr[-3000:]}")
    objects = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    return seconds, json.loads(objects[-1]) if objects else {}


def _print_line(line: dict[str, Any]) -> None:
    ours, theirs, calls = line["isoglot"], line["plain"], line["isoglot_calls"]
    print(
        f"\n{line['families']} prompts in each language, {line['pairs']} pairs; plain scripts in "
        f"batches of {line['batch_size']}; seconds"
    )
    print(ROW.format("", "plain", "isoglot", "ratio"))
    for stage in ours:
        ratio = theirs[stage] / max(ours[stage], 0.01)
        print(ROW.format(stage, f"{theirs[stage]:.1f}", f"{ours[stage]:.1f}", f"{ratio:.2f}"))
    model = calls["sample"] + calls["train"]
    numbers = f"{theirs['model']:.1f}", f"{model:.1f}", f"{theirs['model'] / model:.2f}"
    print(ROW.format("model calls", *numbers))
    print(f"must: whole, ratio >= 2: {_met(line['ratio'] >= 2)}")
    outside = line["outside_model_calls"]
    print(
        f"isoglot outside model calls {outside:.1%} (import {calls['import']:.1f} s, load "
        f"{calls['load']:.1f} s); must: <= 10 %: {_met(outside <= 0.1)}"
    )


def _print_memory(peaks: dict[str, dict[str, float]]) -> None:
    print("\npeak memory in MB by families, after each stage")
    for families, found in peaks.items():
        stages = ", ".join(f"{name} {peak:.0f}" for name, peak in found.items() if name != "pairs")
        print(f"{families:>6}: {stages}")
    if len(peaks) >= 3:
        none, few, many = [found["filter"] for found in peaks.values()][-3:]
        shard, growth = few - none, many - few
        print(
            f"up to the filter the first shards cost {shard:.0f} MB, all others {growth:.0f} MB; "
            f"must: no more than about one shard: {_met(growth <= shard)}"
        )


def _met(met: bool) -> str:
    return "met" if met else "missed"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="lidr-lab", help="a recipe of LIDR")
    parser.add_argument("--families", type=int, help="prompts in each language [the recipe's]")
    parser.add_argument("--batch-size", type=int, default=16, help="of the plain scripts")
    parser.add_argument("--pairs", choices=["kept", "all"], default="kept", help="see above")
    parser.add_argument("--bf16", choices=["trl", "off"], default="trl", help="see above")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of both sides")
    parser.add_argument("--memory-families", type=int, nargs="*", default=[1, 1000, 20_000])
    parser.add_argument("--scratch", type=Path, help="where to write; a temporary folder")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
