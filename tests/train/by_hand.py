"""What the tests of training compare with: log-probabilities from the plain model, and weights."""

import json

LANGUAGES = ("en", "es", "sw")


def preference_rows(num: int = 24) -> list[dict]:
    def turn(role: str, text: str) -> list[dict]:
        return [{"role": role, "content": text}]

    return [
        {
            "prompt": turn("user", "How many apples" + " are left" * (i % 5) + f" of {i}?"),
            "chosen": turn("assistant", f"Quedan {i} manzanas." * (1 + i % 3)),
            "rejected": turn("assistant", f"There are {i}." * (1 + i % 2)),
            "language": LANGUAGES[i % 3],
            "family": str(i),
        }
        for i in range(num)
    ]


def demonstration_rows(num: int = 24) -> list[dict]:
    """The chosen side of the same rows, as demonstrations are stored."""
    return [
        {
            "messages": row["prompt"] + row["chosen"],
            "language": row["language"],
            "family": row["family"],
        }
        for row in preference_rows(num)
    ]


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def largest_difference(a, b):
    first, second = weights(a), weights(b)
    assert first.keys() == second.keys()
    return max(float((first[key] - second[key]).abs().max()) for key in first)


def log_lines(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def sequence_logps(policy, row, side):
    """Log-probability of every token of a completion, from the plain model and its template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = (
        AutoTokenizer.from_pretrained(policy),
        AutoModelForCausalLM.from_pretrained(policy),
    )
    prompt, completion = row["prompt"][0]["content"], row[side][0]["content"]
    prompt_ids = tokenizer(
        f"<|user|>{prompt}<|end|><|assistant|>", add_special_tokens=False
    ).input_ids
    ids = prompt_ids + tokenizer(f"{completion}<|end|>", add_special_tokens=False).input_ids
    with torch.no_grad():
        logps = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return [float(logps[i - 1, ids[i]]) for i in range(len(prompt_ids), len(ids))]


def write_rows(path, rows):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


class Killed(Exception):
    """Stands for whatever ends the process in the middle of a training."""
