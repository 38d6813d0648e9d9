"""The folder of a training: what it belongs to, where it resumes, its summary."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoglot.core.day import day
from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.files import file_sha256
from isoglot.core.records import content_id
from isoglot.core.store import write_json
from isoglot.execute.ledger import refuse_changes
from isoglot.models.local.template import read_template
from isoglot.models.local.weights import model_revision
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
from isoglot.train.trackers import without_trackers

INPUTS = "inputs.json"
"""The record of what a training belongs to."""
_MEND = "remove the folder, or give another one"


def claim(
    out: Path,
    files: Sequence[Path],
    policy: Policy,
    config: TrainConfig,
    seed: int,
    held_out: Sequence[str] = (),
    num_processes: int = 1,
    *,
    with_date: bool = False,
) -> None:
    """Make `out` the folder of this training and of no other, so that a resume continues it.

    `with_date` says that the chat template writes the day.

    Raises:
        InputError: another training has begun there; names what differs.
    """
    inputs = {
        "policy": model_revision(policy.path, policy.revision),
        **({"template": read_template(policy.template)} if policy.template else {}),
        "config": without_trackers(config),
        "seed": seed,
        "num_processes": num_processes,
        **({"day": day().isoformat()} if with_date else {}),
        **_rows(files),
        **({"held_out": content_id(*held_out)} if held_out else {}),
    }
    path = out / INPUTS
    if (before := _begun(out)) is not None:
        refuse_changes(f"the policy in {out}", before, inputs, mend=_MEND)
    write_json(path, inputs)


def check_rows(out: Path, files: Sequence[Path]) -> None:
    """Raise InputError if the training in `out` began with other rows than those of the files."""
    if (before := _begun(out)) is not None:
        before = {key: before[key] for key in _rows(files) if key in before}
        refuse_changes(f"the policy in {out}", before, _rows(files), mend=_MEND)


def _rows(files: Sequence[Path]) -> dict[str, str]:
    """Identify the rows of files by their content."""
    digests = "".join(map(file_sha256, files))
    return {"preferences": hashlib.sha256(digests.encode()).hexdigest()}


def _begun(out: Path) -> dict[str, Any] | None:
    """Return the record of a training that has begun, else None."""
    if not (out / "policy").exists() and last_checkpoint(out / "checkpoints") is None:
        return None
    return {"num_processes": 1, **read_json(out / INPUTS, mend=_MEND)}


def last_checkpoint(folder: Path) -> str | None:
    """Return the latest checkpoint that was written to its end; remove half-written ones.

    The trainer writes its state last, so a checkpoint is complete when that file can be read.
    """
    complete: dict[int, Path] = {}
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            state = read_json(checkpoint / "trainer_state.json", mend="")
            complete[int(state["global_step"])] = checkpoint
        except (InputError, KeyError, TypeError, ValueError):
            shutil.rmtree(checkpoint)
    return str(complete[max(complete)]) if complete else None


def remove_scratch(out: Path) -> None:
    """Remove what a training needs until its policy is saved."""
    for name in ("checkpoints", "cache", "best", "start"):
        shutil.rmtree(out / name, ignore_errors=True)


def finished_summary(out: Path) -> dict[str, Any] | None:
    """Return the summary of the training whose policy is in `out`, else None."""
    if not (out / "policy").is_dir():
        return None
    return read_json(out / "train.json", mend=f"remove {out} and train again")
