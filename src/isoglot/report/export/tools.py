"""The rows of an exported data set as the readers of other trainers take them.

LLaMA-Factory reads the sharegpt form (its data/README.md): `chosen` and `rejected` are one message
each. axolotl's `chat_template.default` reads the same rows. OpenRLHF, with `--apply_chat_template`,
reads lists of messages, as TRL does (openrlhf/datasets/reward_dataset.py, sft_dataset.py).
"""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import JsonValue


class Tool(StrEnum):
    """The trainers."""

    LLAMA_FACTORY = "llama-factory"
    AXOLOTL = "axolotl"
    OPENRLHF = "openrlhf"


READERS: Mapping[Tool, str] = {
    Tool.LLAMA_FACTORY: "is a `dataset_dir` of LLaMA-Factory (`dataset: isoglot`)",
    Tool.AXOLOTL: "has the section `datasets:` of axolotl in `datasets.yml`",
    Tool.OPENRLHF: "has the arguments of OpenRLHF in `arguments.txt`",
}
"""Tool → the sentence of the data card on its folder."""

_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def write_for_tool(tool: Tool, kind: str, folder: Path) -> None:
    """Write `folder/TOOL` with the rows of the Parquet files of `folder`, and its settings."""
    out = folder / tool
    out.mkdir()
    splits = [split for split in ("train", "test") if any(folder.glob(f"*/{split}.parquet"))]
    for split in splits:
        with (out / f"{split}.jsonl").open("w", encoding="utf-8", newline="") as file:
            for row in _rows(folder, split):
                file.write(json.dumps(_form(tool, kind, row), ensure_ascii=False) + "\n")
    name, text = _settings(tool, kind, splits)
    (out / name).write_text(text, encoding="utf-8", newline="")


def _rows(folder: Path, split: str) -> Iterator[dict[str, JsonValue]]:
    for path in sorted(folder.glob(f"*/{split}.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(1000):
            yield from batch.to_pylist()


def _form(tool: Tool, kind: str, row: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A row with what the tool reads, and the languages, which every tool ignores."""
    tags = {"language": row["language"], "answer_language": row["answer_language"]}
    if kind == "messages":
        return {"messages": row["messages"], **tags}
    if tool == Tool.OPENRLHF:
        return {**{key: row[key] for key in ("prompt", "chosen", "rejected")}, **tags}
    sides = {side: _last(row[side]) for side in ("chosen", "rejected")}
    return {"messages": row["prompt"], **sides, **tags}


def _last(messages: JsonValue) -> JsonValue:
    assert isinstance(messages, list)
    return messages[-1]


def _settings(tool: Tool, kind: str, splits: list[str]) -> tuple[str, str]:
    """Name and content of the file with the settings of the tool."""
    is_ranking = kind == "preferences"
    if tool == Tool.LLAMA_FACTORY:
        sides = {"chosen": "chosen", "rejected": "rejected"} if is_ranking else {}
        sets = {
            "isoglot" if split == "train" else f"isoglot_{split}": {
                "file_name": f"{split}.jsonl",
                "formatting": "sharegpt",
                **({"ranking": True} if is_ranking else {}),
                "columns": {"messages": "messages", **sides},
                "tags": _TAGS,
            }
            for split in splits
        }
        return "dataset_info.json", json.dumps(sets, indent=2) + "\n"
    if tool == Tool.AXOLOTL:
        return "datasets.yml", _axolotl(is_ranking, splits)
    keys = (
        "--prompt_key prompt --chosen_key chosen --rejected_key rejected"
        if is_ranking
        else "--input_key messages"
    )
    evaluated = " --eval_dataset test.jsonl" if "test" in splits else ""
    return "arguments.txt", f"--dataset train.jsonl{evaluated} {keys} --apply_chat_template\n"


def _axolotl(is_ranking: bool, splits: list[str]) -> str:
    lines = ["rl: dpo"] if is_ranking else []
    for split, section in (("train", "datasets"), ("test", "test_datasets")):
        if split not in splits:
            continue
        lines += [f"{section}:", f"  - path: {split}.jsonl", "    ds_type: json"]
        lines += ["    split: train"]  # the only split of a file
        kind = "chat_template.default" if is_ranking else "chat_template"
        lines += [f"    type: {kind}", "    field_messages: messages"]
        if is_ranking:
            lines += ["    field_chosen: chosen", "    field_rejected: rejected"]
        lines += ["    message_property_mappings: {role: role, content: content}"]
    return "\n".join(lines) + "\n"
