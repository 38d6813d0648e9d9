"""Publishing a run on the hub: a policy, its preferences, or its results, each with a card."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError, require
from isoglot.core.store import write_json
from isoglot.execute.folder import whole_folder
from isoglot.report.export.dataset import checked_licence, export_dataset
from isoglot.report.export.modelcard import model_card, results_card
from isoglot.report.pages.run import write_report
from isoglot.report.results.facts import RECORD_MEND, read_run_facts
from isoglot.report.results.summary import SUMMARY_FILE, RunSummary

What = Literal["policy", "preferences", "results"]

_RESULTS = (SUMMARY_FILE, "metrics.jsonl")


def write_for_hub(run: Path, what: What, out: Path, licence: str | None) -> Path:
    """Write the folder that a push uploads, with its card, whole or not at all; return it.

    Raises:
        InputError: no licence, nothing of the kind in the run, `out` is there already.
    """
    if what == "preferences":
        return export_dataset(run, "preferences", out, licence=licence)
    with whole_folder(out) as folder:
        summary, facts = RunSummary.read_from(run), read_run_facts(run)
        if what == "policy":
            policy = _last_policy(run)
            card = model_card(summary, facts, checked_licence(licence), _round_of(policy) + 1)
            shutil.copytree(policy, folder, copy_function=_link, dirs_exist_ok=True)
            _write_recipe(run, folder)
        else:
            for name in _RESULTS:
                if (run / name).exists():
                    shutil.copy(run / name, folder / name)
            card = results_card(summary, facts)
            _write_recipe(run, folder)
            write_report(folder)  # of the results alone: answers are pushed as preferences
        (folder / "README.md").write_text(card, encoding="utf-8", newline="")
    return out


def push(run: Path, what: What, to: str, licence: str | None, *, private: bool) -> str:
    """Upload a part of a run to `owner/name` on the hub, as one commit; return its address.

    Raises:
        InputError: as `write_for_hub`; no token, no such owner, a refusal, no connection.
    """
    require("train", "a push")
    from huggingface_hub import HfApi

    _check(to)
    kind = "model" if what == "policy" else "dataset"
    folder = run / f".push-{what}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        write_for_hub(run, what, folder, licence)
        hub = HfApi()
        with _refusals(to):
            hub.create_repo(to, repo_type=kind, private=private, exist_ok=True)
            commit = hub.upload_folder(
                repo_id=to,
                repo_type=kind,
                folder_path=folder,
                commit_message=f"Upload {what} with isoglot",
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return str(commit.commit_url)


def _check(to: str) -> None:
    """Raise InputError for a name that is none of the hub, or without a token."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(to)
        is_valid = to.count("/") == 1
    except HFValidationError:
        is_valid = False
    if not is_valid:
        raise InputError(f"expected --to owner/name, got {to!r}; correct it")
    if get_token() is None:
        raise InputError(
            "a push needs a token of the hub, got none; run `hf auth login`, set HF_TOKEN, or see "
            "what would be uploaded with --dry-run DIR"
        )


@contextmanager
def _refusals(to: str) -> Iterator[None]:
    """Raise InputError for what the hub or the connection refuses."""
    from huggingface_hub.errors import HfHubHTTPError

    # its bases are those of the HTTP library, which changes with its version
    try:
        yield
    except (OSError, *HfHubHTTPError.__bases__) as error:
        if isinstance(error, ValueError | TypeError):
            raise
        reason = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
        raise InputError(
            f"{to}: expected the hub to take the upload, came an error ({reason:.200}); see that "
            "the token may write there and that the hub can be reached, and push again"
        ) from error


def _last_policy(run: Path) -> Path:
    folders = [path for path in run.glob("round-*/train/policy") if path.is_dir()]
    if not folders:
        raise InputError(
            f"{run} has no trained policy: expected round-0/train/policy; run the recipe to its "
            "training, or push --what preferences or results"
        )
    return max(folders, key=_round_of)


def _round_of(policy: Path) -> int:
    """The round of `RUN/round-T/train/policy`."""
    return int(policy.parts[-3].removeprefix("round-"))


def _link(source: str, target: str) -> None:
    """Link a file, which takes no room; copy it where the folders are on two file systems."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _write_recipe(run: Path, folder: Path) -> None:
    """Write `run.json` without the folders of this machine."""
    content = read_json(run / "run.json", mend=RECORD_MEND)
    write_json(folder / "run.json", json.loads(json.dumps(content), object_hook=_without_folders))


def _without_folders(value: dict[str, object]) -> dict[str, object]:
    return {
        key: Path(each).name if isinstance(each, str) and Path(each).is_absolute() else each
        for key, each in value.items()
    }
