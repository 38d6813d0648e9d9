"""Servers that isoglot starts: the answers of the model, and no process or key left anywhere.

The contract runs against a double that transformers answers for, and by `make test-vllm` against
vLLM itself with a real model.
"""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import vllm_double
from tiny_model import CHAT_TEMPLATE
from tiny_run import tiny_recipe

from isoglot.core.errors import InputError, RunError
from isoglot.core.protocols import Likelihood, Sampling
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import read_shard
from isoglot.line.pipeline import run_recipe
from isoglot.models.load import is_served, load_likelihood, load_sampler, servers_in
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.encoder import PromptEncoder
from isoglot.models.local.likelihood import TransformersLikelihood
from isoglot.models.local.prefix_tree import TokenSequence
from isoglot.models.local.transformers import TransformersSampler
from isoglot.models.server.completions import completion_body, likelihood_of, read_completion
from isoglot.models.server.http import NoReply
from isoglot.models.server.process import ServerProcess, logging_to
from isoglot.models.server.vllm import VLLMModel, server_command

DOUBLE = [sys.executable, vllm_double.__file__, "serve"]
COMMAND = os.environ.get("ISOGLOT_VLLM_COMMAND", "").split() or DOUBLE
MODEL = os.environ.get("ISOGLOT_VLLM_MODEL")
FOLDERS = [str(Path(module).parent) for module in (__file__, vllm_double.__file__)]
GREEDY = Sampling(max_new_tokens=16)
WARM = Sampling(max_new_tokens=16, temperature=1.0, num_samples=2, seed=5)


@pytest.fixture(scope="module")
def path(request):
    return MODEL or str(request.getfixturevalue("tiny_model"))


def config(path, command=COMMAND, **values):
    settings = {"command": command, "start_seconds": 600} | values
    if MODEL:
        settings = {"max_model_len": 512, "arguments": {"enforce-eager": True}} | settings
    return WeightsConfig(engine="vllm", path=path, dtype="float32", vllm=settings)


def prompts(num=6):
    return [Prompt.from_text(f"Count to {i + 2}.", language="en") for i in range(num)]


def processes(*words):
    """The processes whose command line has all of these words."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if process.info["status"] != psutil.STATUS_ZOMBIE and all(word in line for word in words):
            found.append(process)
    return found


def family(server):
    """The processes of a server: watcher, server, engine."""
    root = psutil.Process(server._process.pid)
    return [root, *root.children(recursive=True)]


def ended(processes, seconds=30):
    """Wait until all have ended; a zombie that no one has waited for counts."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        left = [
            process
            for process in processes
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]
        if not left:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def served(path, tmp_path_factory):
    """One server for the tests that do not harm it."""
    with servers_in(tmp_path_factory.mktemp("run")):
        yield load_sampler(config(path))


# The contract.


@pytest.mark.slow
def test_greedy_answers_are_those_of_transformers(served, path):
    asked = [*prompts(), Prompt.from_text("na " * 5000, language="sw")]
    begun = (*asked[0].prompt, {"role": "assistant", "content": "Count"})
    asked.append(Prompt("f", "p", "en", begun, "en"))
    ticks = []
    found = served.sample(asked, GREEDY, lambda *tick: ticks.append(tick))
    local = TransformersSampler(WeightsConfig(path=path, device="cpu", dtype="float32"))
    expected = local.sample(asked, GREEDY)
    assert found[6][0].finish_reason == "error"  # it fills the server's window
    whole = [*range(6), 7]
    assert [found[i][0][:2] for i in whole] == [expected[i][0][:2] for i in whole]
    assert sum(num for num, *_ in ticks) == len(asked)
    assert sum(more[0] for _, _, *more in ticks if more) >= 16
    assert served.name == local.name
    assert served.sample([], GREEDY) == []


@pytest.mark.slow
def test_samples_come_again_with_their_seed_in_any_company(served):
    asked = prompts()
    first = served.sample(asked, WARM)
    assert served.sample(asked[::-1], WARM) == first[::-1]
    assert served.sample(asked[2:3], WARM) == first[2:3]
    assert any(one != other for one, other in first)
    other = served.sample(asked, WARM.model_copy(update={"seed": 6}))
    assert other != first


@pytest.mark.slow
def test_samples_of_more_prompt_tokens_than_a_batch_holds(served):
    """vLLM's processor backend died where it read a prompt with a seed in two parts."""
    long = [Prompt.from_text(f"{i} " + "one two " * 50, language="en") for i in range(48)]
    found = served.sample(long, WARM)
    assert [len(samples) for samples in found] == [2] * 48
    assert served.sample(long[40:], WARM) == found[40:]


@pytest.mark.slow
def test_choices_are_those_of_transformers(served, path):
    asked, choices = prompts(20), [[" one, two", " seven", " There are 7 apples left."]] * 20
    assert load_likelihood(config(path)) is served  # one server does both
    found = served.log_likelihoods(asked, choices)
    local = TransformersLikelihood(WeightsConfig(path=path, device="cpu", dtype="float32"))
    expected = local.log_likelihoods(asked, choices)
    same = 0
    for row, other in zip(found, expected, strict=True):
        values = [each.log_probability for each in row]
        assert values == pytest.approx([each.log_probability for each in other], abs=0.01)
        assert [each.num_tokens for each in row] == [each.num_tokens for each in other]
        order = [sorted(range(3), key=lambda i, row=row: row[i]) for row in (row, other)]
        same += order[0] == order[1]
    assert same >= 0.99 * len(asked)
    too_long = served.log_likelihoods(prompts(1), [[" na" * 5000, " seven"]])
    assert too_long[0][0] is None
    assert too_long[0][1] == found[0][1]


@pytest.mark.slow
def test_a_thought_ends_at_its_limit_as_by_transformers(tiny_model, tmp_path):
    """The server is asked again for the answer after the closing mark, and for a longer thought."""
    opened = CHAT_TEMPLATE + "{% if add_generation_prompt %}{{ '<think>\n' }}{% endif %}"
    shared = {"path": str(tiny_model), "chat_template": opened}
    local = TransformersSampler(WeightsConfig(**shared, device="cpu", dtype="float32"))
    with servers_in(tmp_path):
        served = load_sampler(config(str(tiny_model), DOUBLE).model_copy(update=shared))
        for limit in (6, 12, 40):
            limited = Sampling(max_new_tokens=30, max_thinking_tokens=limit)
            found, expected = (each.sample(prompts(), limited) for each in (served, local))
            assert found == expected
        served.close()


@pytest.mark.slow
def test_a_server_that_is_killed_is_started_again_and_what_was_answered_stays(path, tmp_path):
    sampling = Sampling(max_new_tokens=48)
    asked = prompts(40)
    with servers_in(tmp_path):
        model = load_sampler(config(path, max_restarts=1, max_concurrency=4))
        (replica,) = model._replicas
        first = family(replica.process)
        assert len(first) >= 3
        answered = threading.Semaphore(0)
        found = []
        ask = threading.Thread(
            target=lambda: found.extend(
                model.sample(asked, sampling, lambda num, *_: answered.release(num or 1))
            )
        )
        ask.start()
        assert answered.acquire(timeout=60)
        first[1].kill()
        ask.join(600)
        assert not ask.is_alive()
        assert all(row[0].finish_reason != "error" for row in found)
        assert found == model.sample(asked, sampling)
        assert replica.process.num_starts == 2
        assert ended(first)  # its engine too
        family(replica.process)[1].kill()
        with pytest.raises(RunError, match=r"vLLM ended 2 times: .*; the same command resumes"):
            model.sample(asked, sampling)
    assert not processes(str(replica.process.port))
    log = (tmp_path / "logs" / f"vllm-{model.name}-0.log").read_text()
    assert log.count("$ ") == 2
    assert replica.process.key not in log


HOLD = """
import sys, time
from pathlib import Path
sys.path[:0] = {folders!r}
import test_vllm
from isoglot.models.load import load_sampler, servers_in
with servers_in(Path({out!r})):
    model = load_sampler(test_vllm.config({path!r}))
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_isoglot(path, tmp_path, how):
    code = HOLD.format(folders=FOLDERS, out=str(tmp_path), path=path)
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"ready\n"
    family = psutil.Process(holder.pid).children(recursive=True)
    assert len(family) >= 3
    assert not any("VLLM_API_KEY" in " ".join(each.cmdline()) for each in family)
    holder.send_signal(how)
    holder.wait(60)
    assert ended(family)


@pytest.mark.slow
def test_an_interruption_gives_no_answers_that_are_errors(path, tmp_path):
    """Else a thread would write the shard of a stage that was interrupted."""
    begun = threading.Event()
    raised = []

    def ask(model):
        try:
            model.sample(prompts(20), Sampling(max_new_tokens=100), lambda *_: begun.set())
        except (RunError, RuntimeError) as error:
            raised.append(error)

    with servers_in(tmp_path):
        model = load_sampler(config(path, max_concurrency=2))
        thread = threading.Thread(target=ask, args=(model,))
        thread.start()
        assert begun.wait(120)
    thread.join(60)
    assert raised


@pytest.mark.slow
def test_a_server_ends_with_its_last_user(path, tmp_path):
    """The next sampler of a pool needs its memory."""
    with servers_in(tmp_path):
        model = load_sampler(config(path))
        model.sample(prompts(1), GREEDY)
        assert load_sampler(config(path)) is model
        first = family(model._replicas[0].process)
        del model
        gc.collect()
        assert ended(first)


@pytest.mark.slow
def test_replicas_share_the_requests(path, tmp_path):
    with servers_in(tmp_path):
        model = load_sampler(config(path, replicas=2, max_concurrency=2))
        most = [0, 0]

        def note(*_):
            for i, replica in enumerate(model._replicas):
                most[i] = max(most[i], replica.num_in_flight)

        model.sample(prompts(12), GREEDY, note)
        assert all(most)
        assert max(most) <= 4
        assert len(list((tmp_path / "logs").iterdir())) == 2
    assert model.is_closed
    assert all(not replica.process.is_running for replica in model._replicas)


@pytest.mark.slow
@pytest.mark.skipif(MODEL is not None, reason="a tiny model of one's own")
def test_a_run_by_vllm_has_the_completions_of_one_by_transformers(tiny_policy, tmp_path):
    only = ("rounds=1", "train=null", "evaluate.validation=null", "policy.dtype=float32")
    command = f"policy.vllm.command=[{', '.join(DOUBLE)}]"
    for engine in ("transformers", "vllm"):
        recipe = tiny_recipe(tiny_policy, *only, f"policy.engine={engine}", command)
        run_recipe(recipe, tmp_path / engine, silent=True)
    one, other = tmp_path / "transformers/round-0", tmp_path / "vllm/round-0"
    parts = [path.relative_to(one) for path in one.rglob("part-*.parquet")]
    assert len(parts) > 10
    assert all((other / part).exists() for part in parts)
    same = []
    for part in (one / "generate").glob("part-*.parquet"):
        rows, others = (read_shard(f / "generate" / part.name, Completion) for f in (one, other))
        same += [row == other for row, other in zip(rows, others, strict=True)]
    # Padding changes the last bits, and on a random model a greedy choice now and then.
    assert sum(same) >= 0.9 * len(same) >= 0.9 * 24
    assert list((tmp_path / "vllm/logs").glob("vllm-*.log"))
    assert not processes(vllm_double.__file__, str(tiny_policy))


@pytest.mark.slow
@pytest.mark.skipif(MODEL is not None, reason="a tiny model of one's own")
def test_adapters_are_served_without_being_merged(tiny_model, tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    model = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "v_proj"]))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_()
    adapters = tmp_path / "adapters"
    model.save_pretrained(adapters)
    with servers_in(tmp_path):
        found = load_sampler(config(str(adapters))).sample(prompts(), GREEDY)
    here = WeightsConfig(path=str(adapters), device="cpu", dtype="float32")
    assert found == TransformersSampler(here).sample(prompts(), GREEDY)


# Bad input.


@pytest.mark.slow
def test_a_server_that_dies_at_its_start_shows_the_end_of_its_log(tiny_model, tmp_path):
    dying = config(str(tiny_model), DOUBLE, arguments={"die-at-start": True})
    with (
        servers_in(tmp_path),
        pytest.raises(RunError, match=r"ended with exit code 3: .*not enough memory .*vllm-"),
    ):
        VLLMModel(dying)
    assert not processes(vllm_double.__file__, "--die-at-start")


def test_no_command_is_one_line(tiny_model, tmp_path):
    missing = str(tmp_path / "vllm")
    with servers_in(tmp_path), pytest.raises(InputError, match="pip install vllm") as caught:
        load_sampler(config(str(tiny_model), [missing, "serve"]))
    assert "\n" not in str(caught.value)
    assert missing in str(caught.value)


# What is asked of the server.


def test_the_command_line(tiny_model):
    values = {"tensor_parallel_size": 2, "gpu_memory_utilization": 0.5, "quantization": "fp8"}
    more = {"enforce-eager": True, "enable_prefix_caching": False, "seed": 3}
    given = WeightsConfig(path=str(tiny_model), dtype="float32", vllm={**values, "arguments": more})
    words = " ".join(server_command(given, PromptEncoder(given)))
    assert words == (
        f"vllm serve {tiny_model} --dtype float32 --tensor-parallel-size 2 "
        "--gpu-memory-utilization 0.5 --max-model-len auto --quantization fp8 "
        "--generation-config vllm --disable-log-stats --disable-uvicorn-access-log "
        "--served-model-name model --no-enable-chunked-prefill --enforce-eager "
        "--no-enable-prefix-caching --seed 3"
    )
    as_saved = WeightsConfig(path=str(tiny_model))
    assert "--dtype float32" in " ".join(server_command(as_saved, PromptEncoder(as_saved)))


def test_the_errors_in_a_log_are_shown_and_not_what_follows_them(tmp_path):
    with logging_to(tmp_path):
        process = ServerProcess(["vllm"], "log", key_variable="K", environment={}, start_seconds=1)
    process.log.write_text(
        "(Worker pid=7) ERROR 12-01 12:46 [x.py:1] RuntimeError: CPU Generator has no offset\n"
        "(Worker pid=7) ERROR 12-01 12:46 [x.py:1] RuntimeError: CPU Generator has no offset\n"
        "(Engine pid=8) ERROR 12-01 12:46 [y.py:2] v.EngineDeadError: the engine is dead\n"
        + ' - leaked function "create"\n'
        * 20
    )
    assert process.log_end() == (
        "RuntimeError: CPU Generator has no offset | EngineDeadError: the engine is dead"
    )
    process.log.write_text("not enough memory\n\n\033[31mended\n")
    assert process.log_end() == "not enough memory | [31mended"


def test_the_body_of_a_request():
    assert completion_body([5, 7], GREEDY, 9, 3, [1, 2]) == {
        "prompt": [5, 7], "max_tokens": 9, "temperature": 0.0, "stop_token_ids": [1, 2],
        "return_token_ids": True,
    }  # fmt: skip
    full = Sampling(temperature=0.5, top_p=0.9, repetition_penalty=1.2, stop=("\n",))
    assert completion_body([5], full, 9, 3, [1]).items() >= {
        "temperature": 0.5, "top_p": 0.9, "repetition_penalty": 1.2, "seed": 3,
    }.items()  # fmt: skip
    assert completion_body([5], full, 9, 3, [1])["stop"] == ["\n"]


REPLY = (
    b'{"choices": [{"token_ids": [9, 1], "finish_reason": "%s", "prompt_logprobs": [null, '
    b'{"5": {"logprob": -1.5, "rank": 2}}, {"7": {"logprob": -0.25, "rank": 1}}]}], '
    b'"usage": {"prompt_tokens": 3, "completion_tokens": 1}}'
)


def test_what_is_read_of_a_reply():
    reply = read_completion(REPLY % b"stop")
    assert reply[:5] == ([9, 1], True, True, 3, 1)
    sequence = TokenSequence(0, 0, [4, 5, 7], 1)
    assert likelihood_of(sequence, reply) == Likelihood(-1.75, 2, False)
    assert likelihood_of(sequence._replace(start=2), reply) == Likelihood(-0.25, 1, True)
    assert likelihood_of(sequence._replace(ids=[4, 5]), reply) is None
    assert not read_completion(REPLY % b"abort").is_whole
    for nonsense in (b"", b"[]", b'{"choices": []}', b'{"choices": [{"text": 1, "prompt_logprobs"'):
        with pytest.raises(NoReply):
            read_completion(nonsense)


def test_auto_is_transformers_without_an_accelerator_or_without_the_command(tiny_model):
    assert is_served(config(str(tiny_model)))
    auto = WeightsConfig(path=str(tiny_model), vllm={"command": ["no-such-vllm"]})
    assert not is_served(auto)
    here = WeightsConfig(engine="transformers", path=str(tiny_model))
    assert not is_served(here)
