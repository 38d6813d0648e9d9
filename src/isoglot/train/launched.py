"""One process of a launched training: `python -m isoglot.train.launched JOB`.

Started by accelerate; JOB is a pickled call of a training function, written by `train/launch.py`.
"""

import json
import os
import pickle
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Any

from isoglot.core.errors import Failure
from isoglot.core.files import naming_a_full_disk
from isoglot.train.settings import no_step

MARK = b"\x1eisoglot "
"""First bytes of a line of output for the process that launched the training."""

WATCHED = "ISOGLOT_WATCHED"
"""Variable of the environment, set if that process reads our output and holds our input."""

_CHUNK_CHARS = 1500  # a line must fit the 4096 bytes that a pipe takes at once


def _main() -> None:
    """Train; exit with code 2 for what the user can mend, 1 for any other failure."""
    is_watched = WATCHED in os.environ
    if is_watched:
        Thread(target=_end_with_launcher, daemon=True).start()
    job = Path(sys.argv[1])
    try:
        call = pickle.loads(job.read_bytes())
        with naming_a_full_disk(job.parent):
            # The progress is shown by the machine of the first process.
            call(on_step=_send_step if is_watched else no_step)
    except Exception as error:  # noqa: BLE001 - the launcher receives all
        traceback.print_exc()
        _end(error, is_watched)
    from accelerate import PartialState

    PartialState().destroy_process_group()


def _end(error: Exception, is_watched: bool) -> None:
    """End this process at once: leaving in order would wait for its peers, which wait for it."""
    failure = Failure.of(error)
    if is_watched:
        text = json.dumps(asdict(failure))
        for start in range(0, len(text), _CHUNK_CHARS):
            _send({"rank": int(os.environ["RANK"]), "failure": text[start : start + _CHUNK_CHARS]})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(failure.exit_code)


def _send_step(step: float, total: int, num_tokens: int = 0, phase: str = "") -> None:
    _send({"step": step, "total": total, "num_tokens": num_tokens, "phase": phase})


def _send(message: dict[str, Any]) -> None:
    line = json.dumps(message, ensure_ascii=False).encode(errors="replace")
    # In one call, with a line break first: others write to the same pipe, and may be in a line.
    os.write(sys.stdout.fileno(), b"\n" + MARK + line + b"\n")


def _end_with_launcher() -> None:
    """End with the launching process: standard input is a pipe from it."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    _main()
