"""A run that its device cannot hold is refused before it starts; full memory names a setting."""

import pytest
from tiny_run import tiny_recipe

from isoglot.core.errors import Failure, InputError, MemoryFullError
from isoglot.core.records import Prompt
from isoglot.execute.ledger import Ledger
from isoglot.line.memory import check_memory, nearest_setting, stage_memories, this_device
from isoglot.line.pipeline import Round
from isoglot.line.stages import STAGES, Stage
from isoglot.models.memory import GIB, Device
from isoglot.recipe.loading import packaged
from isoglot.recipe.recipe import load_recipe

H100 = Device("NVIDIA H100", 79.1 * GIB)
LLAMA = "meta-llama/Meta-Llama-3-8B-Instruct"


def test_the_full_training_of_8b_is_refused_on_80_gb_with_settings_that_fit():
    recipe = load_recipe(
        "lidr-llama3-8b", {"train.lora": None, "launch": None, "policy.path": LLAMA}
    )
    with pytest.raises(InputError, match=r"train of .* \(dpo full\) needs 1\d\d\.\d GiB") as caught:
        check_memory(recipe, H100)
    message = str(caught.value)
    assert "\n" not in message
    for words in ("weights 29.9", "optimiser 59.8", "got NVIDIA H100 with 79 GiB"):
        assert words in message
    assert "train.lora='{}'" in message or "train.lora='{r: 16" in message
    assert "launch='{num_processes:" in message


@pytest.mark.parametrize("name", packaged("recipe"))
def test_no_stage_is_planned_that_the_recipe_does_not_have(name):
    """RLOO generates in training, and translates only its prompts."""
    recipe = load_recipe(name)
    applied = {s.name for each in recipe.different_rounds for s in STAGES if s.applies(each)}
    if "translate_prompts" in applied:
        applied |= {"translate"}
    planned = {each.stage for each in stage_memories(recipe, H100)}
    assert planned <= applied | {"score", "evaluate"}  # RLOO has its reward model in training


def test_an_online_recipe_without_translation_plans_none():
    given = {"prompts.translate_from": None, "translator": None, "policy.path": LLAMA}
    recipe = load_recipe("rlhf-lab-rloo", given)
    assert "translate" not in {each.stage for each in stage_memories(recipe, H100)}


def test_what_the_error_names_does_fit():
    for gib in (16, 24, 40, 80):
        device = Device("some", gib * GIB)
        recipe = load_recipe(
            "lidr-llama3-8b", {"train.lora": None, "launch": None, "policy.path": LLAMA}
        )
        (failing,) = (each for each in stage_memories(recipe, device) if each.stage == "train")
        mend = nearest_setting(recipe, failing, device)
        settings = mend.partition("set ")[2].partition(" (")[0]
        given = [each.replace("'", "") for each in settings.split(" train")]
        overrides = [given[0], *(f"train{each}" for each in given[1:])]
        mended = load_recipe(recipe, overrides)
        (now,) = (each for each in stage_memories(mended, device) if each.stage == "train")
        assert now.memory.total <= device.usable, mend


def test_a_batch_that_is_too_large_for_generation_is_refused_with_one_that_fits():
    given = {"policy.batch_tokens": 10**6, "policy.path": LLAMA, "policy.engine": "transformers"}
    recipe = load_recipe("lidr-llama3-8b", {"train": None, "rounds": 1, **given})
    with pytest.raises(InputError, match=r"set its batch_tokens to \d+") as caught:
        check_memory(recipe, H100)
    tokens = int(str(caught.value).rpartition("batch_tokens to ")[2].split()[0])
    check_memory(load_recipe(recipe, {"policy.batch_tokens": tokens}), H100)


def test_a_window_that_vllm_cannot_cache_is_refused_with_one_that_it_can():
    given = {"train": None, "rounds": 1, "policy.path": "Qwen/Qwen3-4B", "policy.engine": "vllm"}
    small = Device("rtx4090", 12 * GIB)
    recipe = load_recipe("lidr-llama3-8b", given)
    with pytest.raises(InputError, match=r"set its vllm.max_model_len to \d+") as caught:
        check_memory(recipe, small)
    length = int(str(caught.value).rpartition("max_model_len to ")[2].split()[0])
    check_memory(load_recipe(recipe, {"policy.vllm.max_model_len": length}), small)


def test_weights_that_do_not_fit_are_split():
    recipe = load_recipe("lidr-llama3-8b", {"train": None, "rounds": 1, "policy.path": LLAMA})
    with pytest.raises(InputError, match=r"tensor_parallel_size=2"):
        check_memory(recipe, Device("small", 16 * GIB))


def test_the_lab_fits_anywhere():
    for name in ("lidr-lab", "rlhf-lab-rloo", "rlhf-lab-dpo"):
        check_memory(load_recipe(name), Device("cpu", 4 * GIB, is_cpu=True))
    assert this_device().num_bytes > GIB


def full(message):
    def run(*_):
        raise MemoryError(message)

    return run


@pytest.mark.parametrize(
    ("stage", "settings", "words"),
    [
        ("generate", (), r"lower policy.batch_tokens \(now \d+\); 0 finished shards"),
        ("train", (), r"lower train.training.per_device_train_batch_size \(now 4\) .*--redo"),
        ("score", (), r"batch_tokens of the model"),
    ],
)
def test_full_memory_names_what_to_lower_and_what_is_kept(
    tiny_policy, tmp_path, stage, settings, words
):
    recipe = tiny_recipe(tiny_policy, *settings)
    row = Stage(stage, 1, (), Prompt, full("CUDA out of memory. Tried"), lambda _: {})
    one = Round(recipe, Ledger(tmp_path, {}), 0, str(tiny_policy), silent=True)
    with pytest.raises(MemoryFullError, match=rf"round-0/{stage}: the memory is full .*{words}"):
        one.make(row)


def test_full_memory_is_told_from_a_bug():
    torch_says = RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"
    )
    assert Failure.of(torch_says).kind == "memory"
    assert Failure.of(RuntimeError("mat1 and mat2 shapes cannot be multiplied")).kind == "bug"
    assert Failure.of(MemoryFullError("full")).exit_code == 1
