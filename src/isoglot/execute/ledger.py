"""Which stages of a run are done, with which settings: the memory that resuming rests on.

A stage is begun when `stage.json` stands in its folder, and done when `done.json` does, which is
written last. Both hold the fingerprint of what the stage depends on: settings, inputs, code.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.store import read_done, write_done, write_json
from isoglot.execute.siblings import Siblings


@dataclass(frozen=True, slots=True)
class Done:
    """A finished stage: where it lies, what it depends on, what it counted."""

    folder: Path
    fingerprint: str
    counts: Mapping[str, Any]
    seconds: float


class Ledger:
    """The stages of one run's folder; each is made once.

    `record` is written to `record_name` before a stage is made, so that a refused run changes
    nothing.
    `redo` makes again, instead of refusing, what was made with other settings.
    `siblings` are other runs: a stage that one of them has done is taken, not made.
    """

    def __init__(
        self,
        run: Path,
        record: Mapping[str, Any],
        *,
        redo: bool = False,
        record_name: str = "run.json",
        siblings: Siblings | None = None,
    ) -> None:
        self.run = run
        self.record = record
        self.record_name = record_name
        self.redo = redo
        self.siblings = siblings
        self.done: dict[str, Done] = {}
        """By name, in the order of the line."""

    def once(
        self, name: str, depends_on: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any]]
    ) -> Done:
        """The stage `name` (its folder in the run), made by `make(folder)` unless it stands.

        Raises:
            InputError: it stands with other settings; says which key differs, and the mend.
        """
        folder = self.run / name
        plain = json.loads(json.dumps(depends_on))
        fingerprint = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
        done = read_done(folder)
        if done is None or done["fingerprint"] != fingerprint:
            self._check_settings(name, folder, plain)
            write_json(self.run / self.record_name, self.record)
            begun = {"fingerprint": fingerprint, "depends_on": plain}
            if self.siblings is None:
                done = _made(folder, begun, make)
            else:
                with self.siblings.alone(fingerprint):
                    taken = self.siblings.take(name, fingerprint, folder)
                    done = taken or _made(folder, begun, make)
        self.done[name] = Done(folder, fingerprint, done["counts"], done["seconds"])
        return self.done[name]

    def _check_settings(self, name: str, folder: Path, now: Mapping[str, Any]) -> None:
        begun = folder / "stage.json"
        if not begun.exists() or not any(path != begun for path in folder.iterdir()):
            return  # nothing was made yet, as where a file of the user's was not there
        try:
            was = json.loads(begun.read_text(encoding="utf-8"))["depends_on"]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"cannot read {begun}: delete {folder} and run again") from error
        changes = list(_changes(was, now))
        if not changes:
            return
        if not self.redo:
            raise InputError(
                f"{name} was made with {'; '.join(changes[:3])}: it and the stages after it would "
                f"be made again; nothing was touched. Give --redo to do so, or another --out"
            )
        shutil.rmtree(folder)


def _made(
    folder: Path, begun: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any]]
) -> dict[str, Any]:
    write_json(folder / "stage.json", begun)
    start = time.monotonic()
    counts = dict(make(folder))
    seconds = round(time.monotonic() - start, 2)
    done = {"fingerprint": begun["fingerprint"], "counts": counts, "seconds": seconds}
    write_done(folder, done)
    return done


def _changes(was: Any, now: Any, key: str = "") -> Iterator[str]:
    """What differs, as `key = old (now new)`."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in {**was, **now}:
            yield from _changes(was.get(name), now.get(name), f"{key}.{name}" if key else name)
    elif was != now:
        yield f"{key} = {was!r} (now {now!r})"
