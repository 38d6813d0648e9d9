"""Training by several processes: `accelerate launch` in a child, progress and errors here.

    make_policy ── accelerate launch ──┬─ rank 0: train/launched.py ── train_here
         ▲                             └─ rank 1: train/launched.py ── train_here
         └── steps and errors, as lines of their output ──┘

Every process calls the same training function with the same arguments. They end when this process
does, even by `kill -9`: their standard input is a pipe from here, which then closes.
"""

import json
import os
import pickle
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from isoglot.core.errors import Failure, InputError, MemoryFullError, RunError, require
from isoglot.core.section import Section
from isoglot.core.store import write_whole
from isoglot.train.folder import finished_summary
from isoglot.train.launched import MARK, WATCHED
from isoglot.train.policy import Policy
from isoglot.train.settings import OnStep, TrainConfig, no_step

_CONFIGS = Path(__file__).parent / "launch_configs"
_PORT = 29500  # accelerate's, where several machines have to agree on one
_PATIENCE_SECONDS = 20


class LaunchConfig(Section):
    """Processes of a training, and how they share the work."""

    num_processes: int = Field(ge=1)
    """Processes on all machines together, one for each accelerator; a step trains on
    `num_processes` * `per_device_train_batch_size` * `gradient_accumulation_steps` rows."""
    config: str = "ddp"
    """`ddp`, `fsdp2`, `zero2`, `zero3`, or the path of a file of accelerate."""
    num_machines: int = Field(1, ge=1)
    """Machines, which share the file system; the run prints the command to start on the others."""
    main_process_ip: str | None = None
    """Address of the machine where the run is, as the others reach it."""
    main_process_port: int | None = Field(None, ge=1, le=65535)
    """Port of the main process; default: accelerate's 29500 on several machines, a free one on
    one."""

    @property
    def path(self) -> Path:
        """The file that accelerate reads."""
        return Path(self.config) if _is_path(self.config) else _CONFIGS / f"{self.config}.yaml"

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that decide the trained weights, which the addresses do not."""
        return {"num_processes": self.num_processes, "config": self.path.read_text("utf-8")}

    @field_validator("config")
    @classmethod
    def _known(cls, config: str) -> str:
        ready = sorted(path.stem for path in _CONFIGS.glob("*.yaml"))
        if _is_path(config) or config in ready:
            return config
        close = get_close_matches(config, ready, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(
            f"expected {', '.join(ready)} or the path of a .yaml file, got {config!r}{hint}"
        )

    @model_validator(mode="after")
    def _evenly_shared(self) -> Self:
        if self.num_processes % self.num_machines:
            raise InputError(
                f"expected num_processes to be a multiple of num_machines ({self.num_machines}), "
                f"got {self.num_processes}; give each machine as many"
            )
        if self.num_machines > 1 and self.main_process_ip is None:
            raise InputError("num_machines > 1 needs main_process_ip, the address of this machine")
        return self


def num_processes_of(launch: LaunchConfig | None) -> int:
    """Return the processes that train: one without a launch."""
    return launch.num_processes if launch else 1


def check_launch(launch: LaunchConfig, config: TrainConfig) -> None:
    """Check a launch before accelerate would fail late and in many lines.

    Raises:
        InputError: a file that is missing or not accelerate's, DeepSpeed that is not installed,
            completions in training by a sharded policy, or more processes than accelerators.
    """
    import torch

    kind = _distributed_type(launch.path)
    if kind in ("NO", "MULTI_CPU"):
        raise InputError(
            f"expected a distributed_type that starts several processes in {launch.path}, got "
            f"{kind}; MULTI_GPU does, on CPUs too"
        )
    if kind != "MULTI_GPU" and (config.is_online or config.choose):
        what = f"method {config.method}" if config.is_online else "train.choose"
        raise InputError(
            f"{what} completes prompts in training, which needs launch.config ddp, got "
            f"{launch.config}; use ddp"
        )
    if kind == "DEEPSPEED":
        require("deepspeed", f"launch.config {launch.config}", "use fsdp2")
    num_here = launch.num_processes // launch.num_machines
    if config.training.get("use_cpu") or not torch.accelerator.is_available():
        if kind != "MULTI_GPU":
            raise InputError(
                f"launch.config {launch.config} needs accelerators, and this training has none; "
                "use ddp, which runs on CPUs too"
            )
    elif num_here > torch.accelerator.device_count():
        raise InputError(
            f"expected at most {torch.accelerator.device_count()} processes, one for each "
            f"accelerator of this machine, got {num_here}; lower launch.num_processes"
        )


def train_launched(
    launch: LaunchConfig,
    train: Callable[..., Any],
    files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    *,
    seed: int,
    on_step: OnStep = no_step,
) -> dict[str, Any]:
    """Call `train(files, policy, out, config, seed=seed)` in several processes, `on_step` in this.

    Same files, resuming and errors as `train` itself.

    Raises:
        InputError, OSError, RunError: raised by one of the processes; RunError also where one
            was killed.
        RuntimeError: a bug in one of the processes; the output of all stays in `out/launch.log`.
    """
    check_launch(launch, config)
    out = out.resolve()
    job, output = out / "launch.job", out / "launch.log"
    write_whole(job, pickle.dumps(partial(train, files, policy, out, config, seed=seed)))
    try:
        for rank in range(1, launch.num_machines):
            command = shlex.join(_command(launch, job, rank))
            print(f"isoglot: on machine {rank}, in {Path.cwd()}: {command}", file=sys.stderr)
        code, failures = _watched(_command(launch, job, machine_rank=0), output, on_step)
    finally:
        job.unlink()
    if code != 0:
        raise _failure(launch, code, failures, output)
    output.unlink()
    summary = finished_summary(out)
    assert summary is not None
    return summary


def _is_path(config: str) -> bool:
    return config.endswith((".yaml", ".yml", ".json"))


def _distributed_type(path: Path) -> str:
    """Read the file as accelerate does, which refuses unknown keys."""
    from accelerate.commands.config.config_args import load_config_from_file
    from yaml import YAMLError

    if not path.is_file():
        raise InputError(f"launch.config {path} is not there; correct the path")
    try:
        return load_config_from_file(str(path)).distributed_type.value
    except (OSError, ValueError, TypeError, AttributeError, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"expected a file that `accelerate config` writes at launch.config {path}, got: "
            f"{reason}; correct the path or the file"
        ) from None


def _command(launch: LaunchConfig, job: Path, machine_rank: int) -> list[str]:
    # On one machine accelerate finds a free port itself: two runs must not meet.
    port = launch.main_process_port or (_PORT if launch.num_machines > 1 else 0)
    options = {
        "config_file": launch.path.resolve(),
        "num_processes": launch.num_processes,
        "num_machines": launch.num_machines,
        "machine_rank": machine_rank,
        "main_process_port": port,
        **({"main_process_ip": launch.main_process_ip} if launch.main_process_ip else {}),
    }
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    accelerate = [sys.executable, "-m", "accelerate.commands.launch", *words]
    return [*accelerate, "-m", "isoglot.train.launched", str(job)]


def _watched(
    command: Sequence[str], output: Path, on_step: OnStep
) -> tuple[int, Mapping[int, Failure]]:
    """Return exit code and failures by rank of a launch; write its other output to a file."""
    failures: dict[int, str] = defaultdict(str)
    with (
        output.open("wb", buffering=0) as kept,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, WATCHED: "1"},
            start_new_session=True,  # Ctrl-C reaches this process, which ends the others
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if not line.startswith(MARK):
                    kept.write(line)
                    continue
                message = json.loads(line.removeprefix(MARK))
                if "step" in message:
                    on_step(*(message[key] for key in ("step", "total", "num_tokens", "phase")))
                else:
                    failures[message["rank"]] += message["failure"]
        finally:
            process.stdin.close()  # ends every process of the training that still runs
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
    return process.returncode, {rank: Failure(**json.loads(failures[rank])) for rank in failures}


def _failure(
    launch: LaunchConfig, code: int, failures: Mapping[int, Failure], output: Path
) -> Exception:
    """Return the error to raise; of several, one that can be mended, then one that is no bug."""
    kinds = ("input", "os", "memory", "run", "bug")
    rank, first = min(
        failures.items(), key=lambda item: (kinds.index(item[1].kind), item[0]), default=(0, None)
    )
    if first and first.exit_code == 2:
        output.unlink()
        return first.exception(f"process {rank} of the training")
    # Where one was killed, the others only report that they have lost it.
    was_killed = b"SIGKILL" in output.read_bytes()
    if first and not was_killed:
        return first.exception(f"process {rank} of the training; all output is in {output}")
    where = f"training by {launch.num_processes} processes failed"
    if was_killed:
        return MemoryFullError(
            f"{where} (one was ended by SIGKILL: the memory was most likely full; a smaller batch "
            f"size helps); their output is in {output}"
        )
    return RunError(f"{where} (exit code {code}); their output is in {output}")
