"""Two processes (gloo, this machine) against one with the same global batch: the same training.

Tolerance: losses are equal up to the order of sums in single precision, measured below 2e-6 at a
loss of about 6; 1e-4 leaves room for other machines, and a batch with one other row differs by more
than 1e-2. AdamW divides by the size of a gradient, so that a weight whose gradient is next to zero
keeps less of that: 1e-4 where training moves weights by 6e-3.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from by_hand import largest_difference, log_lines
from launched_calls import fail, refuse, wait
from tiny_run import tiny_overrides

from isoglot.core.errors import Failure, InputError, RunError
from isoglot.recipe.recipe import load_recipe
from isoglot.train.dpo import train_dpo
from isoglot.train.folder import claim
from isoglot.train.launch import LaunchConfig, check_launch, train_launched
from isoglot.train.launched import MARK, WATCHED
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
from isoglot.train.sft import train_sft

pytestmark = pytest.mark.slow

TWO = LaunchConfig(num_processes=2)
READY = ("ddp", "fsdp2", "zero2", "zero3")


@pytest.fixture
def config(training):
    """The same settings with the rows of a step shared by so many processes."""

    def of(num_processes, **more):
        batch = training["per_device_train_batch_size"] // num_processes
        cpu = {"use_cpu": True, "bf16": False, "per_device_train_batch_size": batch}
        return TrainConfig(**more, training={**training, "logging_steps": 1, **cpu})

    return of


def processes_of(out: Path) -> dict[int, int]:
    """The process id of each rank that trains for a folder."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(out / "launch.job").encode() in words and b"isoglot.train.launched" in words:
            ranks = [int(e[5:]) for e in environment if e.startswith(b"RANK=")]
            found |= {rank: int(folder.name) for rank in ranks}
    return found


def assert_same_training(one: Path, two: Path, start: Path) -> None:
    lines = list(zip(log_lines(one), log_lines(two), strict=True))
    assert [a["step"] for a, _ in lines] == list(range(1, 13))
    for a, b in lines:
        assert b["loss"] == pytest.approx(a["loss"], abs=1e-4)
        assert b["grad_norm"] == pytest.approx(a["grad_norm"], rel=1e-3)
        assert a["languages"].keys() == b["languages"].keys()
        for language, row in a["languages"].items():
            assert b["languages"][language] == pytest.approx(row, rel=1e-4, abs=1e-4)
            assert b["languages"][language]["n"] == row["n"]
    assert largest_difference(one / "policy", two / "policy") < 1e-4
    assert largest_difference(one / "policy", start) > 4e-3
    files = [sorted(path.name for path in (out / "policy").iterdir()) for out in (one, two)]
    assert files[0] == files[1]


def test_two_processes_train_dpo_as_one(tiny_model, preferences, config, tmp_path):
    policy, one, two = Policy(str(tiny_model)), tmp_path / "one", tmp_path / "two"
    train_dpo(preferences, policy, one, config(1), seed=3)
    steps = []
    summary = train_launched(
        TWO, train_dpo, preferences, policy, two, config(2), seed=3,
        on_step=lambda step, total, _, phase: phase or steps.append((step, total)),
    )  # fmt: skip
    assert steps == [(step, 12) for step in range(13)]
    assert summary["num_steps"] == 12
    assert summary["num_preferences"] == 24
    assert_same_training(one, two, tiny_model)
    assert sorted(path.name for path in two.iterdir()) == [
        "inputs.json", "log.jsonl", "policy", "train.json",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"made with num_processes = 2 \(now 1\)"):
        claim(two, preferences, policy, config(2), 3)


def test_a_killed_process_ends_all_and_the_rest_is_trained_again(
    tiny_model, preferences, config, tmp_path
):
    policy, one, two = Policy(str(tiny_model)), tmp_path / "one", tmp_path / "two"
    train_sft(preferences, policy, one, config(1, method="sft"), seed=3)
    again = partial(
        train_launched, TWO, train_sft, preferences, policy, two, config(2, method="sft"), seed=3
    )

    def kill(step, _total, _num_tokens, phase):
        if step == 5 and not phase:
            os.kill(processes_of(two)[1], signal.SIGKILL)

    with pytest.raises(RunError, match=r"2 processes failed .*SIGKILL.*smaller batch.*log$"):
        again(on_step=kill)
    assert processes_of(two) == {}
    assert not (two / "policy").exists()
    assert not (two / "launch.job").exists()
    steps = []
    summary = again(on_step=lambda step, _total, _num, phase: phase or steps.append(step))
    assert summary["resumed_from"] in ("checkpoint-4", "checkpoint-8")
    assert steps == list(range(int(summary["resumed_from"].split("-")[1]), 13))
    assert_same_training(one, two, tiny_model)


def test_an_error_of_the_user_is_the_one_of_the_process(tiny_model, preferences, config, tmp_path):
    bad = config(2)
    bad.training.update(learning_rate=1e30, max_grad_norm=1e30)
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"^expected a finite loss, got NaN or infinity at step"):
        train_launched(TWO, train_dpo, preferences, Policy(str(tiny_model)), out, bad, seed=0)
    assert processes_of(out) == {}
    assert not [name for name in ("policy", "launch.job", "launch.log") if (out / name).exists()]


def start(function, folder, environment=None):
    """One process as accelerate starts it."""
    job = folder / "launch.job"
    job.write_bytes(pickle.dumps(function))
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    watched = {WATCHED: "1"} if environment is None else environment
    return subprocess.Popen(
        [sys.executable, "-m", "isoglot.train.launched", str(job)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths, "RANK": "1", **watched},
    )  # fmt: skip


def ending(process):
    """What a process said and printed until its end, with its standard input held open."""
    output, error = process.stdout.read(), process.stderr.read()
    return output, error, process.wait()


def messages(output: bytes) -> list[dict]:
    lines = output.splitlines()
    return [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]


def test_a_process_tells_its_steps_and_its_error(tmp_path):
    output, error, code = ending(start(refuse, tmp_path))
    step, *said = messages(output)
    assert step == {"step": 1, "total": 2, "num_tokens": 0, "phase": ""}
    assert {each["rank"] for each in said} == {1}
    failure = Failure(**json.loads("".join(each["failure"] for each in said)))
    assert (failure.kind, failure.message) == ("input", "expected less,\ngot more " + "é" * 9000)
    assert "in refuse" in failure.trace
    assert max(map(len, output.splitlines())) < 4096
    assert code == 2
    assert b"Traceback" in error


def test_a_bug_has_exit_code_one_and_keeps_its_kind(tmp_path):
    output, error, code = ending(start(fail, tmp_path))
    failure = Failure(**json.loads("".join(each["failure"] for each in messages(output))))
    assert (failure.kind, failure.message) == ("bug", "KeyError: 'a bug'")
    assert code == 1
    assert b"KeyError: 'a bug'" in error


def test_on_another_machine_the_error_is_plain(tmp_path):
    output, error, code = ending(start(refuse, tmp_path, environment={}))
    assert messages(output) == []
    assert b"InputError: expected less" in error
    assert code == 2


def test_a_process_ends_with_the_one_that_launched_it(tmp_path):
    process = start(wait, tmp_path)
    assert process.stdout.readline() == b"\n"
    (step,) = messages(process.stdout.readline())
    assert (step["step"], step["total"]) == (1, 1)
    process.stdin.close()
    assert process.wait(10) == 1


@pytest.mark.parametrize("name", READY)
def test_accelerate_knows_every_key_of_a_ready_config(name):
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    path = LaunchConfig(num_processes=8, config=name).path
    loaded = load_config_from_file(str(path))
    command = ["--config_file", str(path), "--num_processes", "8", "-m", "isoglot.train.launched"]
    arguments = launch_command_parser().parse_args(command)
    nested = {**loaded.fsdp_config, **loaded.deepspeed_config}
    assert [key for key in nested if not hasattr(arguments, key)] == []
    read, _, _ = _validate_launch_command(arguments)
    assert {key: getattr(read, key) for key in nested} == nested
    assert (read.num_processes, read.mixed_precision) == (8, "no")
    kinds = (read.multi_gpu, read.use_fsdp, read.use_deepspeed)
    assert kinds == (name == "ddp", name == "fsdp2", name.startswith("zero"))


SHARDED = """
import sys
from isoglot.train.adapters import LoraConfig, peft_config
from isoglot.train.saving import unsharded
import torch
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard
from transformers import AutoModelForCausalLM

start, out, lora = sys.argv[1:]
store = f"file://{out}.store"
torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))

def model():
    torch.manual_seed(0)
    loaded = AutoModelForCausalLM.from_pretrained(start)
    if lora == "lora":
        from peft import get_peft_model
        loaded = get_peft_model(loaded, peft_config(LoraConfig(r=2, alpha=4)))
        for name, weight in loaded.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight.data)
    return loaded

def merged(trained):
    return trained.merge_and_unload() if lora == "lora" else trained

merged(model()).save_pretrained(f"{out}/plain")
sharded = model()
base = sharded.get_base_model() if lora == "lora" else sharded
for layer in base.model.layers:
    fully_shard(layer, mesh=mesh)
fully_shard(base, mesh=mesh)
assert type(base).__name__ == "FSDPLlamaForCausalLM"
options = StateDictOptions(full_state_dict=True, cpu_offload=True)
whole = get_model_state_dict(sharded, options=options)
merged(unsharded(sharded, whole)).save_pretrained(f"{out}/gathered")
"""


@pytest.mark.parametrize("lora", ["all", "lora"])
def test_a_sharded_model_is_saved_as_the_whole_one(tiny_model, tmp_path, lora):
    """FSDP2 over a single process: its classes and its shards, without its company."""
    command = [sys.executable, "-c", SHARDED, str(tiny_model), str(tmp_path), lora]
    subprocess.run(command, check=True, capture_output=True)
    plain, gathered = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("plain", "gathered")
    )
    assert plain == gathered


@pytest.mark.parametrize(
    ("launch", "words"),
    [
        ("{num_processes: 0}", "launch.num_processes: .*greater than or equal to 1.*0"),
        ("{}", "launch.num_processes: Field required"),
        ("{num_processes: 2, config: fsdp}", "launch.config: .*got 'fsdp'; did you mean 'fsdp2'"),
        ("{num_process: 2}", "launch: unknown key 'num_process'; did you mean 'num_processes'"),
        ("{num_processes: 3, num_machines: 2}", "multiple of num_machines .2., got 3"),
        ("{num_processes: 2, num_machines: 2}", "needs main_process_ip"),
    ],
)
def test_a_launch_that_makes_no_sense(tiny_model, launch, words):
    with pytest.raises(ValueError, match=words):
        load_recipe("lidr-lab", [*tiny_overrides(tiny_model), f"launch={launch}"])


def test_a_launch_needs_a_training(tiny_model):
    more = ("launch={num_processes: 2}", "train=null", "rounds=1")
    with pytest.raises(ValueError, match="needs a `train:` section"):
        load_recipe("lidr-lab", tiny_overrides(tiny_model, *more))


CPU = TrainConfig(training={"use_cpu": True})


def test_a_launch_that_cannot_be(tmp_path):
    def refused(config, words, train=CPU, **more):
        launch = LaunchConfig(num_processes=1024, config=config, **more)
        with pytest.raises(ValueError, match=words):
            check_launch(launch, train)

    check_launch(TWO, CPU)
    refused(str(tmp_path / "mine.yaml"), "launch.config .*mine.yaml is not there; correct the path")
    refused("fsdp2", "fsdp2 needs accelerators.*use ddp")
    online = [(f"method {name}", {"method": name}) for name in ("rloo", "grpo")]
    for what, more in (*online, ("train.choose", {"choose": {}})):
        on_accelerators = TrainConfig(**more)
        refused(
            "fsdp2",
            f"{what} completes prompts .* needs launch.config ddp, got fsdp2",
            on_accelerators,
        )
    for text, words in (
        ("- a list", "expected a file that `accelerate config` writes"),
        ("a: [", "expected a file that `accelerate config` writes"),
        ("distributed_type: MULTI_GPU\nnum_procs: 2", "unknown keys .*num_procs"),
        ("distributed_type: 'NO'", "starts several processes.*got NO; MULTI_GPU does"),
    ):
        (tmp_path / "mine.yaml").write_text(text)
        refused(str(tmp_path / "mine.yaml"), words)


def test_deepspeed_is_asked_for_by_name():
    try:
        import deepspeed  # noqa: F401
    except ImportError:
        with pytest.raises(ValueError, match=r"not installed; pip install 'isoglot\[deepspeed\]'"):
            check_launch(LaunchConfig(num_processes=2, config="zero3"), CPU)
    else:
        pytest.skip("DeepSpeed is installed")


def test_more_processes_than_accelerators():
    import torch

    if not torch.accelerator.is_available():
        pytest.skip("no accelerator here")
    with pytest.raises(ValueError, match=r"expected at most \d+ processes.*got 1024; lower"):
        check_launch(LaunchConfig(num_processes=1024), TrainConfig())
