"""Compare the choices of whole benchmarks with those of lm-eval 0.4.13, from rows to choices.

    LM_EVAL_PYTHON bench/real/choices_against_lm_eval.py DATA WORK lm-eval MODEL
    python bench/real/choices_against_lm_eval.py DATA WORK isoglot MODEL

The first makes rows in the form of each set from SIB-200 and XCOPA (the sets themselves are on the
hub alone), lets lm-eval's own tasks score them with its own prompts, and keeps its choices in WORK.
The second reads the same rows by the benchmark, in its variant `lm_eval`, and prints for each set
on how many items the likeliest choice is the same. Weights are float32; there is no chat template.
"""

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TOPICS = [
    "science/technology",
    "travel",
    "politics",
    "sports",
    "health",
    "entertainment",
    "geography",
]
# Set: file of lm-eval's task, languages with the codes of the rows that they are made of.
SETS: dict[str, tuple[str, dict[str, str]]] = {
    "global_mmlu_lite": (
        "global_mmlu/default/{code}/_{code}_template_yaml",
        {"en": "eng_Latn", "sw": "swh_Latn", "ar": "arb_Arab", "zh": "zho_Hans"},
    ),
    "include_lite": (
        "include/default/{code}/_{lower}_template_yaml",
        {"Turkish": "tur_Latn", "Spanish": "spa_Latn", "Hindi": "hin_Deva", "French": "fra_Latn"},
    ),
    "xnli": ("xnli/xnli_{code}.yaml", {"sw": "sw", "th": "th", "tr": "tr", "vi": "vi"}),
    "xstorycloze": (
        "xstorycloze/default_{code}.yaml",
        {"id": "id", "sw": "sw", "zh": "zh"},
    ),
}


def read(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def made_rows(name: str, data: Path, source: str, num: int) -> Iterator[Row]:
    """Yield rows in the form of a set, from the rows of another one in a language."""
    rng = random.Random(f"{name} {source}")
    if name in ("global_mmlu_lite", "include_lite"):
        rows = [row for row in read(data / "sib200/sib200_dev.jsonl.gz") if row["lang"] == source]
        for number, row in enumerate(rows[:num]):
            options = rng.sample([t for t in TOPICS if t != row["category"]], 3)
            options.insert(rng.randrange(4), row["category"])
            place = options.index(row["category"])
            columns = {f"option_{'abcd'[k]}": text for k, text in enumerate(options)}
            answer = {"answer": place if name == "include_lite" else "ABCD"[place]}
            yield {"sample_id": str(number), "subject": "topic", "question": row["text"]} | {
                **columns,
                **answer,
            }
        return
    rows = [row for row in read(data / "xcopa/xcopa.jsonl.gz") if row["lang"] == source]
    for number, row in enumerate(rows[:num]):
        if name == "xnli":
            yield {"premise": row["premise"], "hypothesis": row["choice1"]} | {"label": number % 3}
        else:
            story = [rows[(number + k) % len(rows)]["premise"] for k in range(4)]
            yield {f"input_sentence_{k}": text for k, text in enumerate(story, 1)} | {
                "story_id": str(number),
                "sentence_quiz1": row["choice1"],
                "sentence_quiz2": row["choice2"],
                "answer_right_ending": int(row["label"]) + 1,
            }


def by_lm_eval(args: argparse.Namespace) -> None:
    """Write rows and lm-eval's likeliest choice for each."""
    from importlib.resources import files

    from lm_eval.api.task import ConfigurableTask
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks._yaml_loader import load_yaml

    lm = HFLM(pretrained=str(args.model), device="cpu", dtype="float32", batch_size=8)
    for name, (template, languages) in SETS.items():
        for code, source in languages.items():
            place = args.work / name / code
            if (place / "lm_eval.json").exists():  # of a call that was stopped
                continue
            place.mkdir(parents=True, exist_ok=True)
            rows = list(made_rows(name, args.data, source, args.num))
            path = place / ("eval.jsonl" if name == "xstorycloze" else "test.jsonl")
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            file = template.format(code=code, lower=code.lower())
            config = load_yaml(Path(str(files("lm_eval"))) / "tasks" / file)
            for key in ("dataset_name", "training_split", "validation_split", "fewshot_split"):
                config.pop(key, None)
            config.pop("fewshot_config", None)
            local = {"data_files": {"test": str(path)}, "cache_dir": str(place / "cache")}
            config |= {"task": f"{name}_{code}", "dataset_path": "json", "test_split": "test"}
            task = ConfigurableTask(config={**config, "dataset_kwargs": local})
            tasks: Any = {"tasks": {config["task"]: task}, "groups": {}, "group_map": {}}
            found = evaluate(lm, tasks, bootstrap_iters=0, log_samples=True)
            samples = sorted(found["samples"][config["task"]], key=lambda each: each["doc_id"])
            values = [[answer[0][0] for answer in each["resps"]] for each in samples]
            (place / "lm_eval.json").write_text(json.dumps(values), encoding="utf-8")
            print(name, code, len(values), flush=True)


def by_isoglot(args: argparse.Namespace) -> None:
    """Print for each set on how many items both sides choose alike."""
    from isoglot.benchmarks.benchmark import BenchmarkConfig
    from isoglot.benchmarks.catalogue import benchmark_of
    from isoglot.benchmarks.examples import read_examples, score_choices
    from isoglot.models.local.config import WeightsConfig
    from isoglot.models.local.likelihood import TransformersLikelihood

    plain = WeightsConfig(path=str(args.model), format="plain", dtype="float32")
    model = TransformersLikelihood(plain)
    for name, (_, languages) in SETS.items():
        same = total = 0
        most = 0.0
        tags = {code: tag for tag, code in benchmark_of(name).languages.items()}
        form: Any = {"variant": "lm_eval", "answering": "likelihood"}
        config = BenchmarkConfig(benchmark=name, data=args.work, **form)
        done = [code for code in languages if (args.work / name / code / "lm_eval.json").exists()]
        for code in done:
            examples = read_examples(config, [tags[code]]).examples
            prompts = [example.prompt for example in examples]
            unscored = [choice for example in examples for choice in example.unscored_choices()]
            scored = iter(score_choices(prompts, unscored, model))
            theirs = json.loads((args.work / name / code / "lm_eval.json").read_text("utf-8"))
            for example, values in zip(examples, theirs, strict=True):
                ours = [next(scored).log_probability or 0.0 for _ in example.choices]
                same += ours.index(max(ours)) == values.index(max(values))
                gaps = [a - b for a, b in zip(ours, values, strict=True)]
                most = max(most, *(abs(gap - gaps[0]) for gap in gaps))
                total += 1
        print(f"{name}: {same} of {total} choices alike, gaps differ by {most:.2g} nats at most")


def main() -> None:
    """Run one side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("side", choices=["lm-eval", "isoglot"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--num", type=int, default=50, help="items in each language")
    args = parser.parse_args()
    (by_lm_eval if args.side == "lm-eval" else by_isoglot)(args)


if __name__ == "__main__":
    main()
