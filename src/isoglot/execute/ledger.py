"""The record of the stages and small results that a run has made, on which resuming rests.

A stage is a folder, made once by `Ledger.once`. It is begun when `stage.json` lies there, and done
when `done.json` does, which is written last. Both hold the fingerprint of what the stage depends
on: settings, inputs, code.

A small result is one JSON file, made once by `make_once`. Inside a stage's folder it needs no more
than that (`make_once(out / "routes.json", make)`), since the folder is the stage's alone. Elsewhere
its key `made_from` holds what it depends on, and it is made again when that changes. `read_made`
and `write_made` are the halves of `make_once`, for a result that is made by other means.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError, RunError
from isoglot.core.failures import Failures, num_passing
from isoglot.core.store import check_files, read_done, write_done, write_json
from isoglot.core.verbosity import tell
from isoglot.execute.siblings import Siblings

_COSTLY = "train"
"""The stage that is not made again for a few answers more, unless the user says so."""


@dataclass(frozen=True, slots=True)
class Done:
    """A finished stage: its folder, what it depends on, what it counted."""

    folder: Path
    fingerprint: str
    counts: Mapping[str, Any]
    seconds: float
    failures: Failures = field(default_factory=dict)
    """Answers that it lacks, because a server gave none."""


class Ledger:
    """The stages of one run directory; each is made once.

    `record` is written to `record_name` before a stage is made, so that a refused run changes
    nothing. `redo` makes again, instead of refusing, what was made with other settings. A stage
    that one of the `siblings` (other runs) has done is taken, not made.
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
        self._renewed: set[str] = set()
        """Fingerprints of stages that siblings may have made from fewer answers."""

    def once(
        self,
        name: str,
        depends_on: Mapping[str, Any],
        make: Callable[[Path], Mapping[str, Any]],
        failures: Callable[[Path], Failures] | None = None,
        reads: Sequence[Path] = (),
    ) -> Done:
        """Return the stage `name` (its folder in the run), made by `make(folder)` unless done.

        The files of the stages that it `reads` are compared with their records before it is made,
        by content; those of a finished stage by name and size.

        `failures(folder)` counts the answers that it lacks. Where they may come by now, `make` is
        called again for a finished stage, and what was made from it is deleted if some did.

        Raises:
            InputError: it was begun with other settings; names the keys that differ. A file of a
                finished stage is missing, or another one; names it.
        """
        folder = self.run / name
        plain = _plain(depends_on)
        fingerprint = _fingerprint(plain)
        done, record = read_done(folder), self.run / self.record_name
        is_done = done is not None and done["fingerprint"] == fingerprint
        if not is_done:
            self._check_settings(name, folder, plain)
        if not is_done or not record.exists():  # a damaged one was deleted
            write_json(record, self.record)
        if done is None or not is_done:
            with self.siblings.alone(fingerprint) if self.siblings else nullcontext():
                siblings = self.siblings if fingerprint not in self._renewed else None
                done = siblings.take(name, fingerprint, folder) if siblings else None
                if done is None:
                    for each in reads:
                        check_files(each)
                    begun = {"fingerprint": fingerprint, "depends_on": plain}
                    write_json(folder / "stage.json", begun)
                    start = time.monotonic()
                    counts = dict(make(folder))
                    seconds = round(time.monotonic() - start, 2)
                    done = {"fingerprint": fingerprint, "counts": counts, "seconds": seconds}
                    if failures and (lacking := failures(folder)):
                        done["failures"] = lacking
                    write_done(folder, done)
        elif failures and num_passing(done.get("failures", {})):
            done = self._completed(name, done, make, failures)
        else:
            check_files(folder, by_content=False)
        self.done[name] = Done(
            folder, fingerprint, done["counts"], done["seconds"], done.get("failures", {})
        )
        return self.done[name]

    def _completed(
        self,
        name: str,
        done: dict[str, Any],
        make: Callable[[Path], Mapping[str, Any]],
        failures: Callable[[Path], Failures],
    ) -> dict[str, Any]:
        """Ask again for what a finished stage lacks, and return its record."""
        folder, num = self.run / name, num_passing(done["failures"])
        made_from = self._made_from(done["fingerprint"])
        if not self.redo and any(each.name == _COSTLY for each in made_from.values()):
            tell(
                f"{name} lacks {num:,} answers that may come by now, and a policy was trained "
                "without them; --redo asks for them again and trains again"
            )
            return done
        counts = done["counts"]
        try:
            counts = dict(make(folder))
        except (InputError, RunError) as error:
            tell(f"{name} still lacks answers, and is taken as it is: {error}")
        lacking = failures(folder)
        if lacking == done["failures"]:
            write_done(folder, done)  # other answers may have failed for the same reasons
            return done
        for each in made_from.values():
            shutil.rmtree(each)
        for parent in {each.parent for each in (folder, *made_from.values())}:
            _forget_small_results(parent)
        self._renewed |= made_from.keys()
        done = {**done, "counts": counts, "failures": lacking}
        write_done(folder, done)
        return done

    def _made_from(self, fingerprint: str) -> dict[str, Path]:
        """Fingerprint → folder of each stage on disk that was made from one, the latest first."""
        stages: dict[str, tuple[Path, set[str]]] = {}
        for path in self.run.rglob("stage.json"):
            begun = read_json(path, mend=f"delete {path.parent} and run again")
            on = begun.get("depends_on") or {}
            stages[begun.get("fingerprint", "")] = (path.parent, _made_of(on))
        found = {fingerprint: self.run}
        while more := {
            key: folder
            for key, (folder, inputs) in stages.items()
            if key not in found and inputs & found.keys()
        }:
            found = {**more, **found}
        del found[fingerprint]
        return found

    def amend(
        self, name: str, changed: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any]]
    ) -> None:
        """Make part of a finished stage again by `make(folder)`, with these settings `changed`."""
        folder = self.run / name
        begun = read_json(folder / "stage.json", mend=f"delete {folder} and run again")
        plain = {**begun["depends_on"], **_plain(changed)}
        counts, fingerprint = dict(make(folder)), _fingerprint(plain)
        write_json(folder / "stage.json", {"fingerprint": fingerprint, "depends_on": plain})
        done = read_done(folder) or {}
        write_done(folder, {**done, "fingerprint": fingerprint, "counts": counts})

    def _check_settings(self, name: str, folder: Path, now: Mapping[str, Any]) -> None:
        begun = folder / "stage.json"
        if not begun.exists() or not any(path != begun for path in folder.iterdir()):
            return  # nothing was made yet, as where a file of the user's was missing
        mend = f"delete {folder} and run again"
        was = read_json(begun, mend=mend).get("depends_on")
        if was is None:
            raise InputError(f"cannot read {begun}: {mend}")
        if not self.redo:
            mend = (
                "it and the stages after it would be made again; nothing was touched. Give --redo "
                "to do so, or another --out"
            )
            refuse_changes(name, was, now, mend=mend)
        elif any(_changes(was, now)):
            shutil.rmtree(folder)


def refuse_changes(what: str, was: Any, now: Any, *, mend: str) -> None:
    """Raise InputError where `what` was made with other settings than now; names up to three."""
    if changes := list(_changes(was, _plain(now))):
        raise InputError(f"{what} was made with {'; '.join(changes[:3])}: {mend}")


def make_once(
    path: Path, make: Callable[[], Mapping[str, Any]], *, made_from: Any = None
) -> dict[str, Any]:
    """Return the JSON object at `path`, made by `make()` unless it was made from the same."""
    if (found := read_made(path, made_from)) is None:
        write_made(path, make(), made_from)
        found = read_made(path, made_from)
        assert found is not None
    return found


def read_made(path: Path, made_from: Any = None) -> dict[str, Any] | None:
    """Read the result made from `made_from`; None if it is missing, damaged or made from others."""
    try:
        content = read_json(path, mend="")
    except InputError:
        return None
    return content if content.pop("made_from", None) == _plain(made_from) else None


def write_made(path: Path, content: Mapping[str, Any], made_from: Any = None) -> None:
    """Write a small result with what it was made from; see the module's text."""
    write_json(path, content if made_from is None else {"made_from": made_from, **content})


def _forget_small_results(folder: Path) -> None:
    """Delete what `make_once` has made from the stages in a folder."""
    for path in folder.glob("*.json"):
        if "made_from" in read_json(path, mend="delete it"):
            path.unlink()


def _made_of(depends_on: Mapping[str, Any]) -> set[str]:
    """The fingerprints of the stages that a stage was made from; a first policy has none."""
    inputs, policy = depends_on.get("inputs") or {}, depends_on.get("policy")
    return {*inputs.values(), *([policy] if isinstance(policy, str) else [])}


def _fingerprint(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """The value as it comes back from JSON."""
    return json.loads(json.dumps(value))


def _changes(was: Any, now: Any, key: str = "") -> Iterator[str]:
    """Yield each difference, as `key = old (now new)`."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in {**was, **now}:
            yield from _changes(was.get(name), now.get(name), f"{key}.{name}" if key else name)
    elif was != now:
        yield f"{key} = {was!r} (now {now!r})"
