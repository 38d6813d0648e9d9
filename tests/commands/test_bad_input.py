"""Whatever is wrong with the input is one clear line and exit code 2, and nothing half-written."""

import json
import os
import re
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_model import save_tiny_model
from tiny_run import contents, tiny_overrides

from isoglot.commands.main import main
from isoglot.core.store import shard_path
from isoglot.execute.folder import owned_folder

SHORT = ("evaluate.tasks=[]", "evaluate.validation=null", "rounds=1")


@pytest.fixture
def isoglot(capsys):
    """The command line: exit code, and what the user reads as the error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        error = capsys.readouterr().err
        assert "Traceback" not in error
        return ended.value.code, "\n".join(re.findall(r"^isoglot: .*", error, re.MULTILINE))

    return call


@pytest.fixture
def refused(isoglot, tmp_path):
    """A command that is refused with one line, before a folder is made for the run."""

    def call(*overrides, recipe="lidr-lab", out=None):
        folder = out or tmp_path / "out"
        before = contents(folder)
        code, error = isoglot("run", recipe, "--out", folder, *overrides)
        assert code == 2
        assert error.count("\n") == 0 < len(error)
        assert contents(folder) == before
        assert folder.exists() == bool(before)
        return error

    return call


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("pear={}", "unknown key 'pear'; did you mean 'pair'?"),
        ("pair.metod=best_vs_worst", "pair: unknown key 'metod'; did you mean 'method'?"),
        (
            "evaluate.tasks.0.decoding.max_new_token=9",
            "evaluate.tasks.0.decoding: unknown key 'max_new_token'; did you mean 'max_new_tokens'",
        ),
        ("languages=[en, no, nb]", "languages: 'nb' stands there twice; leave one out"),
        (
            "prompts.source=[{kind: file, pathh: a, language: en}]",
            "prompts.source.0: unknown key 'pathh'; did you mean 'path'",
        ),
        ("prompts.source.splitt=test", "prompts.source: unknown key 'splitt'; did you mean"),
        ("train.training.lerning_rate=1", "'lerning_rate' in `training`, .*did you mean 'learning"),
        ("train.training.seed=1", "may not hold seed, which is set by the run itself; remove it"),
        ("filter.filters=[emptyy]", "filter.filters.0: .*'empty'.* got 'emptyy'"),
        ("seed", "expected key=value, got 'seed'; for example seed=2"),
        ("seed=abc", "seed: .*valid integer.*'abc'"),
        ("seed=[1", r"seed=\[1 is not YAML"),
        ("rounds=[{}, {seed: 3}]", "rounds.1: 'seed' is the same in all; set it above"),
        ("rounds=[{train: null}, {}]", "rounds.0 needs a `train:` section: another one follows"),
        ("rounds=[{languages: [en, fi]}]", "rounds.0.languages: 'fi' is not among .*add it"),
        ("rounds=[{pairs: {}}]", "rounds.0: unknown key 'pairs'; did you mean 'pair'"),
        ("rounds=0", "rounds: .*greater than or equal to 1.*0"),
        ("name.first=x", "cannot set 'name.first': no such place"),
        ("evaluate.tasks.9.num_families=3", "cannot set 'evaluate.tasks.9.num_families'"),
        ("languages=[en, xx]", "languages: unknown language 'xx': expected a BCP-47 tag"),
        ("languages=[en, swa]", "unknown language 'swa'.*did you mean"),
        ("unseen_languages=[en]", "'en' is both in languages and unseen_languages; keep one"),
        ("dominant_language=fi", "'fi' is not among languages .*add it"),
        ("translate=null", "needs a `translate:` section"),
        (
            "prompts.artefacts.min_log_probability=-1",
            "min_log_probability needs a `translator:` of engine seq2seq",
        ),
        ("prompts.num_families=null", r"rounds > 1 need .*num_families"),
        ("train=null", "rounds > 1 need `train:`"),
        ("policy.path=/no/such/model", "got '/no/such/model', where no folder exists; correct"),
        ("samplers=[{engine: file, path: none.jsonl}]", "none.jsonl, which is not there; correct"),
        (
            "samplers=[{kind: fille, path: a}]",
            "samplers.0: .*expected an engine among .*file.*'fille'",
        ),
        ("prompts.source={kind: file, path: no.jsonl, language: en}", "no.jsonl: .*came nothing"),
        ("launch={num_processes: 0}", "launch.num_processes: .*greater than or equal to 1.*0"),
        ("launch={num_processes: 2, config: zero}", "launch.config: .*'zero'; did you mean 'zero"),
        ("launch={num_processes: 2, config: my.yaml}", "my.yaml is not there; correct the path"),
    ],
)
def test_a_recipe_that_cannot_be_run(override, words, refused):
    assert re.search(words, refused(override))


def test_no_such_recipe(refused, tmp_path):
    assert "did you mean 'lidr-lab'?" in refused(recipe="lidr-lap")
    assert re.search("in the package: .*, lidr, ", refused(recipe="qqqq"))
    assert "correct the path" in refused(recipe=tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    assert "expected keys and values, got list" in refused(recipe=tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    assert "is not YAML" in refused(recipe=tmp_path / "broken.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: espa\xf1ol".encode("latin-1"))
    assert "cannot read recipe" in refused(recipe=tmp_path / "latin.yaml")


def test_the_folder_of_another_recipe_or_of_none(refused, finished_run, tiny_policy, tmp_path):
    error = refused("name=mine", *tiny_overrides(tiny_policy), out=finished_run)
    assert "holds a run of recipe 'lidr-lab', not 'mine': choose another --out" in error
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    assert "holds other files than a run" in refused(out=tmp_path / "thesis")


def test_a_folder_that_another_process_writes_into(refused, tiny_policy, tmp_path):
    with owned_folder(tmp_path / "run", "run"):
        before = contents(tmp_path)
        error = refused("name=mine", *tiny_overrides(tiny_policy), out=tmp_path / "run")
        assert contents(tmp_path) == before
    assert f"{tmp_path / 'run'} is in use by process {os.getpid()} on " in error


@contextmanager
def files_no_larger_than(num_bytes):
    """As on a full disk, every write beyond that fails in this process."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("room", "place"),
    [
        (1_000, r"run\.json"),
        (8_500, r"round-0/pair/part-00000\.parquet"),
        (60_000, "round-0/train"),  # the weights of a checkpoint
        (200_000, "round-0/train"),  # the state of its optimizer
    ],
)
def test_a_full_disk(room, place, isoglot, finished_run, tiny_policy, tmp_path):
    out = tmp_path / "run"
    command = ("run", "lidr-lab", "--out", out, *tiny_overrides(tiny_policy))
    with files_no_larger_than(room):
        code, error = isoglot(*command)
    assert code == 2
    assert re.search(
        rf"cannot write \S*{place} .*make room there .*what is finished is kept", error
    )
    assert list(out.rglob("*.tmp")) == []
    assert isoglot(*command)[0] == 0
    for path in ("filter/part-00000.parquet", "train/policy/model.safetensors"):
        assert (out / "round-0" / path).read_bytes() == (
            finished_run / "round-0" / path
        ).read_bytes()


@pytest.fixture
def half_run(finished_run, tmp_path):
    """A run that stopped after its prompts."""
    out = Path(shutil.copytree(finished_run, tmp_path / "half"))
    for name in ("generate", "translate", "pair", "filter", "train"):
        shutil.rmtree(out / "round-0" / name)
    shutil.rmtree(out / "round-1")
    return out


def truncate(path):
    path.write_bytes(path.read_bytes()[:100])


def drop_a_column(path):
    from pyarrow import parquet

    parquet.write_table(parquet.read_table(path).drop_columns(["gold"]), path)


@pytest.mark.parametrize("damage", [truncate, drop_a_column])
def test_a_damaged_shard_and_its_mend(damage, half_run, finished_run, isoglot, tiny_policy):
    damaged = shard_path(half_run / "round-0/prompts", 1)
    damage(damaged)
    command = ("run", "lidr-lab", "--out", half_run, *tiny_overrides(tiny_policy))
    code, error = isoglot(*command)
    assert code == 2
    assert f"{damaged} is another file than the one that was written there" in error
    assert f"or delete this one and {damaged.parent}/done.json and run again" in error
    damaged.unlink()
    (half_run / "round-0/prompts/done.json").unlink()
    assert isoglot(*command)[0] == 0
    for name in ("prompts/part-00001.parquet", "filter/part-00001.parquet"):
        path = f"round-0/{name}"
        assert (half_run / path).read_bytes() == (finished_run / path).read_bytes()


ROWS = [
    {"i": 0, "lang": "en", "text": "How many apples are left?"},
    {"i": 0, "lang": "es", "text": "¿Cuántas manzanas quedan?"},
    {"i": 1, "lang": "en", "text": "How many pears are left?"},
    {"i": 1, "lang": "es", "text": "¿Cuántas peras quedan?"},
]
SOURCE = "{kind: file, path: %s, columns: {prompt: text, language: lang}, family: [i]}"


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def changed(row, **columns):
    return [*ROWS[:row], {**ROWS[row], **columns}, *ROWS[row + 1 :]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*ROWS[:3]], r"family .*'How many pears.*no prompt in 'es'.*add the row"),
        (changed(1, lang="xx"), "row 2: unknown language 'xx'"),
        (changed(3, text=""), "row 4: empty prompt"),
        ([*ROWS[:2], {"i": 1, "lang": "en"}], "row 3: expected a column 'text', came i, lang"),
        ([*ROWS[:2], {"text": "a", "lang": "en"}], "row 3: expected a column 'i', came text, lang"),
        ([], "expected at least one prompt, came none"),
    ],
)
def test_prompts_of_the_user_that_do_not_make_a_line(rows, words, isoglot, tiny_policy, tmp_path):
    source = SOURCE % jsonl(tmp_path / "prompts.jsonl", rows)
    out, files = tmp_path / "out", f"prompts.source={source}"
    overrides = (*tiny_overrides(tiny_policy, *SHORT), "languages=[en, es]", files)
    code, error = isoglot("run", "lidr-lab", "--out", out, *overrides, "prompts.num_families=null")
    assert code == 2
    assert re.search(words, error)
    assert error.count("\n") == 0
    assert list(out.rglob("*.parquet")) == []


def test_completions_of_the_user_without_a_column(isoglot, tiny_policy, tmp_path):
    answers = jsonl(tmp_path / "answers.jsonl", [{"prompt_id": "p", "completion": "x"}])
    sampler = f"{{engine: file, path: {answers}, text_column: answer}}"
    code, error = isoglot(
        *("run", "lidr-lab", "--out", tmp_path / "out"),
        *tiny_overrides(tiny_policy, *SHORT, f"samplers=[{sampler}]"),
    )
    assert code == 2
    assert "row 1: expected column 'answer'" in error
    assert "correct the column names in the recipe" in error


def test_a_tokenizer_without_a_chat_template(isoglot, tmp_path):
    model = save_tiny_model(tmp_path / "model", chat_template=None)
    code, error = isoglot("run", "lidr-lab", "--out", tmp_path / "out", *tiny_overrides(model))
    assert code == 2
    assert "expected a tokenizer with a chat template, got none in" in error
    assert "give policy.chat_template a file" in error


def test_a_tokenizer_without_a_pad_token_is_no_obstacle(isoglot, tiny_policy, tmp_path):
    model = Path(shutil.copytree(tiny_policy, tmp_path / "model"))
    for name in ("tokenizer_config.json", "config.json", "generation_config.json"):
        config = json.loads((model / name).read_text())
        config.pop("pad_token", None)
        config.pop("pad_token_id", None)
        (model / name).write_text(json.dumps(config))
    out = tmp_path / "out"
    code, error = isoglot("run", "lidr-lab", "--out", out, *tiny_overrides(model, *SHORT))
    assert (code, error) == (0, "")
    assert json.loads((out / "round-0/train/train.json").read_text())["num_steps"] > 0


@pytest.mark.parametrize("method", ["dpo", "sft"])
def test_a_loss_that_is_not_a_number(method, isoglot, tiny_policy, tmp_path):
    """The weights explode in the first step, so that the second loss is NaN."""
    out, rate = tmp_path / "out", "train.training.learning_rate=1.0e+38"
    overrides = (*tiny_overrides(tiny_policy, *SHORT, rate), f"train.method={method}")
    extra = ("train.training.warmup_steps=0", "train.training.max_grad_norm=1.0e+30")
    if method == "sft":
        extra += ("train.training={save_steps: 1, learning_rate: 1.0e+38, use_cpu: true}",)
    code, error = isoglot("run", "lidr-lab", "--out", out, *overrides, *extra)
    assert code == 2
    assert re.search(
        r"expected a finite loss, got NaN .* at step \d+; lower `learning_rate`", error
    )
    assert not (out / "round-0/train/policy").exists()
    assert not (out / "round-0/train/done.json").exists()
    assert not (out / "summary.json").exists()


def test_no_pair_left_to_train_on(isoglot, tiny_model, tmp_path):
    """A random model whose every answer is cut off."""
    overrides = tiny_overrides(tiny_model, *SHORT, "filter.filters=[cut_off, empty]")
    code, error = isoglot("run", "lidr-lab", "--out", tmp_path / "out", *overrides)
    assert code == 2
    assert "holds no pair to train on" in error
    assert "relax `filter:`" in error
