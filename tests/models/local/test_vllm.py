"""vLLM: what it is given and what is read of its answers; a whole model where it and a GPU are."""

from types import SimpleNamespace

import pytest
from pydantic import TypeAdapter

from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Prompt
from isoglot.models.load import (
    ModelConfig,
    answer_settings,
    load_sampler,
    model_name_of,
    sampler_revision,
)
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.vllm import (
    engine_arguments,
    is_primed,
    read_output,
    sampling_arguments,
    to_messages,
)

ASKED = Prompt.from_text("Habari?", language="sw")


def test_every_setting_of_the_sampling_arrives():
    sampling = Sampling(
        max_new_tokens=20, temperature=0.7, top_p=0.9, repetition_penalty=1.1, num_samples=3,
        seed=5, stop=("###", "\n\n"),
    )  # fmt: skip
    given = sampling_arguments(sampling, ASKED, room=100)
    seed = given.pop("seed")
    assert given == {
        "n": 3, "max_tokens": 20, "temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1,
        "stop": ["###", "\n\n"],
    }  # fmt: skip
    assert len(given) + 1 == len(Sampling.model_fields)
    assert 0 <= seed < 2**31
    assert sampling_arguments(sampling, ASKED, 100)["seed"] == seed
    other = sampling.model_copy(update={"seed": 6})
    assert sampling_arguments(other, ASKED, 100)["seed"] != seed
    assert sampling_arguments(sampling, Prompt.from_text("?", language="sw"), 100)["seed"] != seed


def test_greedy_decoding_has_no_seed_and_no_stop():
    given = sampling_arguments(Sampling(), ASKED, 100)
    assert (given["temperature"], given["seed"], given["stop"], given["n"]) == (0, None, None, 1)


def test_an_answer_has_what_the_prompt_leaves_of_the_window():
    assert sampling_arguments(Sampling(max_new_tokens=50), ASKED, 7)["max_tokens"] == 7
    assert sampling_arguments(Sampling(max_new_tokens=50), ASKED, 70)["max_tokens"] == 50


def test_the_engine_runs_no_code_and_has_no_decoding_of_its_own(tiny_model):
    settings = {"tensor_parallel_size": 2, "gpu_memory_utilization": 0.5, "max_model_len": 64}
    config = WeightsConfig(engine="vllm", path=str(tiny_model), dtype="bfloat16", vllm=settings)
    given = engine_arguments(config)
    assert given == {
        "model": str(tiny_model), "revision": None, "tokenizer_revision": None,
        "dtype": "bfloat16", "tensor_parallel_size": 2, "gpu_memory_utilization": 0.5,
        "max_model_len": 64, "quantization": None, "generation_config": "vllm",
        "trust_remote_code": False,
    }  # fmt: skip
    commit = "0" * 40
    of_hub = engine_arguments(WeightsConfig(engine="vllm", path="owner/model", revision=commit))
    assert (of_hub["model"], of_hub["revision"], of_hub["tokenizer_revision"]) == (
        "owner/model", commit, commit,
    )  # fmt: skip


def output(*rows):
    """What `LLM.chat` gives for one conversation."""
    fields = ("index", "text", "finish_reason")
    return SimpleNamespace(
        outputs=[SimpleNamespace(**dict(zip(fields, row, strict=True))) for row in rows]
    )


def test_answers_are_read_in_their_order():
    found = read_output(output((1, "b", "length"), (0, "a", "stop")), 2)
    assert found == [Sampled("a", "stop"), Sampled("b", "length")]


@pytest.mark.parametrize("reason", [None, "abort", "error"])
def test_an_answer_that_did_not_come_is_an_error(reason):
    assert read_output(output((0, "a", "stop"), (1, "half", reason)), 3) == [
        Sampled("a", "stop"), Sampled("", "error"), Sampled("", "error"),
    ]  # fmt: skip


def test_the_beginning_of_an_answer_is_continued():
    begun = Prompt(
        "f", "p", "sw", ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}),
        "sw",
    )  # fmt: skip
    assert is_primed(begun)
    assert not is_primed(ASKED)
    assert to_messages(begun)[-1] == {"role": "assistant", "content": "b"}


def test_it_has_the_name_of_the_model_and_a_key_of_the_recipe(tiny_model):
    read = TypeAdapter(ModelConfig).validate_python
    config = read({"engine": "vllm", "path": str(tiny_model)})
    same = WeightsConfig(path=str(tiny_model))
    assert sampler_revision(config) == sampler_revision(same)
    assert model_name_of(config) == model_name_of(same)
    spread = read({"engine": "vllm", "path": str(tiny_model), "vllm": {"tensor_parallel_size": 4}})
    assert answer_settings(spread) == answer_settings(config)
    small = read({"engine": "vllm", "path": str(tiny_model), "vllm": {"quantization": "fp8"}})
    assert answer_settings(small) != answer_settings(config)
    with pytest.raises(ValueError, match="did you mean 'tensor_parallel_size'"):
        WeightsConfig(path="m", vllm={"tensor_parallel": 2})


def has_vllm():
    from importlib.util import find_spec

    return find_spec("vllm") is not None


@pytest.mark.skipif(has_vllm(), reason="vllm is installed")
def test_without_the_package_one_line_says_what_to_install(tiny_model):
    with pytest.raises(ValueError, match=r"pip install 'isoglot\[vllm\]'") as caught:
        load_sampler(WeightsConfig(engine="vllm", path=str(tiny_model)))
    assert "\n" not in str(caught.value)


def answers_of_the_lab():
    """In a process of its own, which gives the memory back: every promise of the protocol."""
    from isoglot.lab.prompts import LabPromptConfig, lab_prompts
    from isoglot.lab.shipped import POLICY

    prompts = list(lab_prompts(LabPromptConfig(split="test"), ["en", "sw"], seed=1, num_families=8))
    long = Prompt.from_text("na " * 5000, language="sw")
    begun = Prompt(
        "f", "p", "en",
        (*prompts[0].prompt, {"role": "assistant", "content": "Answer"}), "en",
    )  # fmt: skip
    sampler = load_sampler(
        WeightsConfig(
            engine="vllm", path=str(POLICY), dtype="float32", vllm={"gpu_memory_utilization": 0.2}
        )
    )
    ticks = []
    greedy = sampler.sample(
        [*prompts, long, begun], Sampling(max_new_tokens=64), lambda num, _: ticks.append(num)
    )
    warm = Sampling(max_new_tokens=16, temperature=1.0, num_samples=2, seed=3)
    drawn = sampler.sample(prompts, warm)
    alone = sampler.sample(prompts[3:4], warm)
    stopped = sampler.sample(prompts[:4], Sampling(max_new_tokens=64, stop=("a",)))
    cut = sampler.sample(prompts[:4], Sampling(max_new_tokens=2))
    same = WeightsConfig(path=str(POLICY))
    expected = load_sampler(same).sample(prompts, Sampling(max_new_tokens=64))
    return {
        "name": sampler.name, "greedy": greedy, "ticks": ticks, "drawn": drawn, "alone": alone,
        "stopped": stopped, "cut": cut, "expected": expected,
    }  # fmt: skip


@pytest.mark.slow
def test_a_model_on_a_gpu():
    pytest.importorskip("vllm", reason="needs vllm")
    from isoglot.execute.child import accelerator_present, run_in_child

    if not accelerator_present():
        pytest.skip("needs a GPU")
    found = run_in_child(answers_of_the_lab)
    greedy = found["greedy"]
    assert len(greedy) == sum(found["ticks"]) == 18
    assert greedy[16] == [Sampled("", "error")]
    assert not greedy[17][0].text.startswith("Answer")
    agree = sum(a == b for a, b in zip(greedy[:16], found["expected"], strict=True))
    assert agree >= 14, "float32 sums in another order may turn a close choice"
    assert all(len(row) == 2 for row in found["drawn"])
    assert found["alone"] == found["drawn"][3:4]
    assert all("a" not in row[0].text for row in found["stopped"])
    assert all(row[0].finish_reason == "length" for row in found["cut"])
