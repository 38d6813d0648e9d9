"""Runs of one study, which take the stages of one another instead of making them again.

The fingerprint of a stage covers everything that decides its content: its settings, its code, the
content of its models and files, and the fingerprints of the stages that it reads. Two stages of one
name and one fingerprint are therefore the same work, wherever they are.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.core.files import written_whole
from isoglot.core.store import DONE, check_files, read_done, write_done


@dataclass(frozen=True, slots=True)
class Siblings:
    """The runs of a study, by their folders under `root`."""

    root: Path
    runs: tuple[str, ...]

    @contextmanager
    def alone(self, fingerprint: str) -> Iterator[None]:
        """Wait while a sibling makes this stage; the lock of a process that ends is released."""
        from filelock import FileLock

        path = self.root / ".locks" / fingerprint
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            yield

    def take(self, name: str, fingerprint: str, folder: Path) -> dict[str, Any] | None:
        """Put a sibling's stage into `folder`; return its `done.json`, None if no sibling has it.

        Files are linked if the file system can, else copied: a file of the line is replaced and
        never changed, so neither run sees later changes of the other.
        """
        for run in self.runs:
            there = self.root / run / name
            done = read_done(there)
            if there == folder or done is None or done["fingerprint"] != fingerprint:
                continue
            check_files(there)
            done = {"taken_from": run, **done}  # the run that made it, not one that took it before
            with written_whole(folder) as temporary:
                shutil.copytree(
                    there, temporary, copy_function=_link, ignore=shutil.ignore_patterns(DONE)
                )
                write_done(temporary, done)
            return done
        return None


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
