"""Tokens that a round cost: written by its models, and read by its training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from isoglot.core.documents import read_json
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.execute.ledger import Ledger, make_once
from isoglot.models.tokens import is_of_model, token_counter
from isoglot.report.results.summary import TokenCounts
from isoglot.train.log import read_log

_WRITING = ("translate_prompts", "transform_prompts", "generate", "translate")
"""The stages in which models write. Evaluations and judges are left out."""


def count_tokens(ledger: Ledger, round: int) -> TokenCounts | None:
    """Count the tokens of a round by the tokenizer of the policy that it trained.

    Texts of other models are counted by it too, so that recipes compare. Translated prompts that
    were dropped for a fault are not in the count. None for a round without a training, and for one
    that an earlier version trained, which did not count.
    """
    trained = ledger.done.get(f"round-{round}/train")
    if trained is None:
        return None
    facts = read_json(trained.folder / "train.json", mend=f"delete {trained.folder}")
    if "num_tokens" not in facts:
        return None
    stages = [ledger.done.get(f"round-{round}/{name}") for name in _WRITING]
    folders = [done.folder for done in stages if done]
    made = make_once(
        ledger.run / f"round-{round}" / "tokens.json",
        lambda: {
            "written": _written_in_training(trained.folder)
            + _written(folders, trained.folder / "policy"),
            "trained": facts["num_tokens"],
        },
        made_from=[trained.fingerprint, *(done.fingerprint for done in stages if done)],
    )
    return TokenCounts(written=made["written"], trained=made["trained"])


def _written(folders: Sequence[Path], policy: Path) -> int:
    """Count the tokens of the texts that models wrote in these stages."""
    count = token_counter(policy)
    shards = (
        (folder.name, path)
        for folder in folders
        for written in (*sorted(folder.glob("passes/*")), folder)
        for path in shard_paths(written)
    )
    return sum(count(list(_texts(path, stage))) for stage, path in shards)


def _texts(path: Path, stage: str) -> Iterator[str]:
    """Yield the texts of a shard that a model wrote, without those that the source provided."""
    if stage == "translate_prompts":
        yield from (row.text for row in read_shard(path, Prompt) if row.translated_from)
        return
    if stage == "transform_prompts":
        yield from (row.text for row in read_shard(path, Prompt))
        return
    for row in read_shard(path, Completion):
        if is_of_model(row) and (row.translated_from is not None) == (stage == "translate"):
            yield row.text


def _written_in_training(folder: Path) -> int:
    """Count the tokens of the completions of an online training, by its log."""
    rows = [row for line in read_log(folder / "log.jsonl") for row in line["languages"].values()]
    return round(sum(row["num_tokens"] * row["n"] for row in rows if "num_tokens" in row))
