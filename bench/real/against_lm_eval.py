"""Compare choices of XCOPA by both engines of isoglot with those of lm-eval 0.4.13.

    python bench/real/against_lm_eval.py MODEL XCOPA.jsonl.gz [--vllm VLLM] [--languages sw,th]

Every side gets the texts that lm-eval's own task makes of the rows, the same float32 weights and
no chat template. Prints, for each language and engine, on how many items the likeliest choice is
lm-eval's, the largest difference of a log-probability in nats, and seconds from texts to numbers,
without loading. VLLM is the command of a vLLM environment, such as `real/vllm/bin/vllm`.
"""

import argparse
import gzip
import json
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from isoglot.core.protocols import LikelihoodModel
from isoglot.core.records import Prompt
from isoglot.models.local.config import VLLMSettings, WeightsConfig
from isoglot.models.local.likelihood import TransformersLikelihood
from isoglot.models.server.vllm import VLLMModel

Items = list[tuple[str, list[str], list[float], float]]
"""Text, continuations, lm-eval's log-probabilities, and its grade."""


def main() -> None:
    """Print a line for each language and engine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--vllm", help="command of vLLM")
    parser.add_argument("--languages", default="sw,th")
    parser.add_argument("--num", type=int, default=20, help="items in each language")
    args = parser.parse_args()
    codes = args.languages.split(",")
    items = {code: by_lm_eval(args.model, args.rows, code, args.num) for code in codes}
    plain = WeightsConfig(path=str(args.model), format="plain", dtype="float32")
    compare("transformers", TransformersLikelihood(plain), items)
    if args.vllm:
        settings = VLLMSettings(
            command=(args.vllm, "serve"),
            max_model_len=1024,
            max_concurrency=64,
            arguments={"enforce-eager": True},
        )
        model = VLLMModel(plain.model_copy(update={"engine": "vllm", "vllm": settings}))
        try:
            compare("vllm", model, items)
        finally:
            model.close()


def by_lm_eval(model: Path, path: Path, code: str, num: int) -> Items:
    """Score the first `num` test rows of a language by lm-eval."""
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks._yaml_loader import load_yaml

    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row for row in rows if row["lang"] == code and row["split"] == "test"][:num]
    config = load_yaml(Path(str(files("lm_eval"))) / "tasks" / f"xcopa/default_{code}.yaml")
    for key in ("dataset_name", "training_split", "validation_split"):
        config.pop(key, None)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "rows.jsonl")
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        local = {"data_files": {"test": str(data)}, "cache_dir": str(Path(folder, "cache"))}
        config |= {"dataset_path": "json", "dataset_kwargs": local, "test_split": "test"}
        task = ConfigurableTask(config=config)
        lm = HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=8)
        started = time.perf_counter()
        tasks: dict[str, Any] = {"tasks": {config["task"]: task}, "groups": {}, "group_map": {}}
        found = evaluate(lm, tasks, bootstrap_iters=0, log_samples=True)
        seconds = time.perf_counter() - started
    samples = sorted(found["samples"][config["task"]], key=lambda sample: sample["doc_id"])
    items = [
        (
            sample["arguments"][0][0],
            [continuation for _, continuation in sample["arguments"]],
            [log_probability for log_probability, _ in sample["filtered_resps"]],
            sample["acc"],
        )
        for sample in samples
    ]
    accuracy = sum(grade for *_, grade in items) / len(items)
    print(
        f"{code:4} lm-eval       accuracy {accuracy:.3f} of {len(items)}, {seconds:.1f} s",
        flush=True,
    )
    return items


def compare(engine: str, model: LikelihoodModel, of_language: dict[str, Items]) -> None:
    """Print how often an engine chooses as lm-eval does."""
    for code, items in of_language.items():
        prompts = [Prompt.from_text(text, language=code) for text, *_ in items]
        started = time.perf_counter()
        scored = model.log_likelihoods(prompts, [continuations for _, continuations, *_ in items])
        seconds = time.perf_counter() - started
        same, off = 0, 0.0
        for found, (_, _, theirs, _) in zip(scored, items, strict=True):
            ours = [each.log_probability for each in found if each is not None]
            same += ours.index(max(ours)) == theirs.index(max(theirs))
            off = max(off, *(abs(a - b) for a, b in zip(ours, theirs, strict=True)))
        print(
            f"{code:4} {engine:13} same choice {same}/{len(items)}, off by {off:.1e}, "
            f"{seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
