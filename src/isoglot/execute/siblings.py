"""Runs of one study: what one of them has made, the others take instead of making it again.

That is sound because the fingerprint of a stage is over everything that decides its content: its
settings, its code, the content of the models and files it reads, and the fingerprints of the stages
that it reads, which say the same of those. Two stages of one name and one fingerprint are therefore
the same work, wherever they lie.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.core.store import read_done, write_done


@dataclass(frozen=True, slots=True)
class Siblings:
    """The runs of a study, by their folders under `root`."""

    root: Path
    runs: tuple[str, ...]

    @contextmanager
    def alone(self, fingerprint: str) -> Iterator[None]:
        """Wait while a sibling makes this stage, to take it then; a lock dies with its holder."""
        import fcntl  # here, for there is none on Windows, where single runs need none

        path = self.root / ".locks" / fingerprint
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def take(self, name: str, fingerprint: str, folder: Path) -> dict[str, Any] | None:
        """Put a sibling's stage into `folder`, whole or not at all, and return its `done.json`.

        Files are linked where the file system can, else copied: a file of the line is replaced and
        never changed, so neither run sees what the other does later. None where no sibling has it.
        """
        for run in self.runs:
            there = self.root / run / name
            done = read_done(there)
            if there == folder or done is None or done["fingerprint"] != fingerprint:
                continue
            done = {"taken_from": run, **done}  # whoever made it is named, not who took it before
            beside = folder.with_name(f".{folder.name}.taken")
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(
                there, beside, copy_function=_link, ignore=shutil.ignore_patterns("done.json")
            )
            write_done(beside, done)
            shutil.rmtree(folder, ignore_errors=True)
            beside.rename(folder)
            return done
        return None


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
