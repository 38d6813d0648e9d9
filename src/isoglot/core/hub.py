"""Rows of data sets on the Hugging Face Hub, at a commit; read by its own libraries."""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from isoglot.core.errors import InputError, require
from isoglot.core.rows import Row

_CONVERTED = "refs/convert/parquet"
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubRows(NamedTuple):
    """The rows of a split, and the commit that they were read from."""

    rows: Iterable[Row]
    commit: str


def is_commit(revision: str) -> bool:
    """True for a whole commit, which names the same content for ever."""
    return _COMMIT.fullmatch(revision) is not None


def hub_commit(path: str, revision: str | None = None) -> str:
    """Return the commit of a branch or tag of a data set; a commit needs no request.

    Raises:
        InputError: no such set or revision, no access to it, or no connection.
    """
    if revision and is_commit(revision):
        return revision
    require("train", f"{path} of the hub")
    from huggingface_hub import HfApi

    try:
        return HfApi().dataset_info(path, revision=revision).sha or ""
    except _failures() as error:
        raise _refusal(path, revision, error) from error


def read_hub_rows(
    path: str,
    name: str | None = None,
    *,
    split: str = "train",
    revision: str | None = None,
    files: str | None = None,
) -> HubRows:
    """Read a split of a data set, of its configuration `name` or of `files` in it.

    `datasets` runs no scripts: of a set that has one, the Parquet is read that the hub makes of it.

    Raises:
        InputError: no such set, revision, configuration or split, no access, or no connection.
    """
    require("train", f"{path} of the hub")
    with _quiet():
        return _read(path, name, split, revision, files)


def _read(
    path: str, name: str | None, split: str, revision: str | None, files: str | None
) -> HubRows:
    from datasets import load_dataset

    commit = hub_commit(path, revision)

    found: dict[str, Any] = {"split": split, "revision": commit}
    try:
        try:
            table = load_dataset(path, name, data_files=files, **found)
        except (RuntimeError, ValueError) as error:
            # The hub converts sets with scripts to Parquet on a branch, which names no
            # configurations: its folders do.
            has_script, is_converted = "script" in str(error), "BuilderConfig" in str(error)
            if files or not (is_converted if revision else has_script):
                raise
            commit = hub_commit(path, revision or _CONVERTED)
            parts = {split: f"{name or 'default'}/{split}/*.parquet"}
            try:
                table = load_dataset(path, data_files=parts, split=split, revision=commit)
            except _failures():
                raise error from None  # the first one names the configurations that there are
        # Where the hub refuses files, `datasets` takes those of another commit from its cache.
        if not all(commit in file["filename"] for file in table.cache_files):
            raise InputError(f"commit {commit} cannot be read, another one is in the cache")
    except _failures() as error:
        raise _refusal(path, revision, error) from error
    return HubRows(table, commit)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the notices of the hub's libraries, and their bars where nobody watches a terminal."""
    import datasets
    from datasets.utils import logging as of_datasets
    from huggingface_hub.utils import logging as of_hub

    levels = of_datasets.get_verbosity(), of_hub.get_verbosity()
    had_bars = not datasets.are_progress_bars_disabled()
    of_datasets.set_verbosity_error()
    of_hub.set_verbosity_error()
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        of_datasets.set_verbosity(levels[0])
        of_hub.set_verbosity(levels[1])
        if had_bars:
            datasets.enable_progress_bars()


def _failures() -> tuple[type[BaseException], ...]:
    """Return the errors of the hub's libraries that are not our own bugs."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError

    # The bases of the hub's error are its HTTP library's, which changes with its version.
    return (OSError, ValueError, RuntimeError, DatasetsError, *HfHubHTTPError.__bases__)


def _refusal(path: str, revision: str | None, error: BaseException) -> InputError:
    """Return the error for a set that cannot be read, with the mend where it is known."""
    reason = " ".join(str(error).split()) or type(error).__name__
    url = f"https://huggingface.co/datasets/{path}"
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in names or "gated dataset" in reason:
        mend = f"accept its terms at {url} and log in (`hf auth login`, or HF_TOKEN)"
    elif names & {"RepositoryNotFoundError", "DatasetNotFoundError"}:
        mend = (
            "correct the name (no file here has it either), or log in if "
            f"{url} is private (`hf auth login`, or HF_TOKEN)"
        )
    elif "RevisionNotFoundError" in names:
        mend = "correct the revision"
    elif names & {"ConnectionError", "ConnectError", "OfflineModeIsEnabled", "TimeoutException"}:
        mend = "check the connection to the hub"
    else:
        mend = f"see {url}"
    where = f"{path} at {revision or 'its newest commit'}"
    return InputError(f"expected {where} from the hub, came an error ({reason:.240}); {mend}")
