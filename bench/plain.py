"""Run a stage of `line.py`'s round as a plain script: `python bench/plain.py STAGE JOB` (JSON).

Organised like the code released with LIDR (arXiv:2410.08964), without anything of isoglot: each
call is a fresh process that loads the model for one language, or one direction of translation.
Where that code calls vLLM, this one calls `generate` of transformers, with its default cache, left
padding, and batches of prompts in the order of the file.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any


def generate(job: dict[str, Any]) -> None:
    """Generate the answers in one language."""
    folder = Path(job["folder"])
    prompts = _read(folder / f"{job['source']}.prompts.jsonl")
    _write(folder / f"{job['source']}.answers.jsonl", _generate(job, prompts))


def translate(job: dict[str, Any]) -> None:
    """Translate the answers of one language into another."""
    folder, prompts = Path(job["folder"]), []
    for text in _read(folder / f"{job['source']}.answers.jsonl"):
        request = {"role": "user", "content": job["request"].replace("{text}", text)}
        prompts.append([request, {"role": "assistant", "content": job["prefill"]}])
    name = f"{job['source']}-{job['target']}.jsonl"
    _write(folder / name, _generate(job, prompts, continue_final_message=True))


def _generate(job: dict[str, Any], prompts: list[Any], **how: bool) -> list[str]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(job["model"], padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(job["model"]).eval()
    start, answers = time.perf_counter(), []
    how = how or {"add_generation_prompt": True}
    for first in range(0, len(prompts), job["batch_size"]):
        batch = prompts[first : first + job["batch_size"]]
        texts = [tokenizer.apply_chat_template(p, tokenize=False, **how) for p in batch]
        inputs = tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=job["max_new_tokens"],
                repetition_penalty=job["repetition_penalty"],
                do_sample=False,
            )
        answers += tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
    print(json.dumps({"model": time.perf_counter() - start}))
    return answers


def pairs(job: dict[str, Any]) -> None:
    """Build both kinds of pair, leaving out translations that cannot be parsed."""
    folder, dominant, found = Path(job["folder"]), job["dominant"], []
    pattern = re.compile(job["pattern"], re.DOTALL)
    prompts = {tag: _read(folder / f"{tag}.prompts.jsonl") for tag in (dominant, *job["others"])}
    answers = {tag: _read(folder / f"{tag}.answers.jsonl") for tag in prompts}
    for tag in job["others"]:
        forth = map(pattern.search, _read(folder / f"{dominant}-{tag}.jsonl"))
        back = map(pattern.search, _read(folder / f"{tag}-{dominant}.jsonl"))
        for i, (there, here) in enumerate(zip(forth, back, strict=True)):
            if there and here:
                found.append((prompts[tag][i], there[1].strip(), answers[tag][i]))
                found.append((prompts[dominant][i], answers[dominant][i], here[1].strip()))
    turn = lambda text: [{"role": "assistant", "content": text}]  # noqa: E731
    rows = [{"prompt": p, "chosen": turn(good), "rejected": turn(bad)} for p, good, bad in found]
    _write(folder / "pairs.jsonl", rows)


def train(job: dict[str, Any]) -> None:
    """Train on the pairs with TRL's trainer."""
    from datasets import load_dataset
    from trl import DPOConfig, DPOTrainer

    folder = Path(job["folder"])
    rows = load_dataset(
        "json", data_files=str(folder / "pairs.jsonl"), split="train", cache_dir=str(folder)
    )
    rows = rows.shuffle(seed=42).select(range(min(job["num_pairs"], len(rows))))
    config = DPOConfig(
        output_dir=str(folder / "policy"),
        loss_type=["sigmoid", "sft"],
        report_to="none",
        use_cpu=True,
        **job["training"],
    )
    trainer = DPOTrainer(model=job["model"], args=config, train_dataset=rows)
    start = time.perf_counter()
    trainer.train()
    print(json.dumps({"model": time.perf_counter() - start}))
    trainer.save_model()


def _read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _write(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


STAGES = {"generate": generate, "translate": translate, "pairs": pairs, "train": train}

if __name__ == "__main__":
    STAGES[sys.argv[1]](json.loads(sys.argv[2]))
