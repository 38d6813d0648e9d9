"""A push: what is written is what is uploaded, the cards say it, and refusals are one line."""

import os
import subprocess
import sys

import pytest
from local_hub import LocalHub
from made_run import run_summary
from ruamel.yaml import YAML

from isoglot.core.errors import InputError
from isoglot.core.store import write_json
from isoglot.report.export.modelcard import model_card
from isoglot.report.export.push import write_for_hub
from isoglot.report.results.facts import RunFacts


def pushed(run, hub, *arguments, token="hf_mine", home):
    """Exit code, output and error of `isoglot push` against a hub of loopback."""
    with hub.serve() as url:
        environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(home), "HF_TOKEN": token}
        environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        command = [sys.executable, "-m", "isoglot", "push", str(run), *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("what", ["policy", "preferences", "results"])
def test_what_a_dry_run_writes_is_what_is_uploaded(finished_run, tmp_path, what):
    hub = LocalHub()
    hub.tokens.add("hf_mine")
    licence = () if what == "results" else ("--licence", "apache-2.0")
    arguments = ("--to", "me/mine", "--what", what, *licence, "--private")
    code, out, error = pushed(finished_run, hub, *arguments, home=tmp_path / "home")
    assert code == 0, error
    assert out.startswith(f"{what}: https://")
    folder = write_for_hub(finished_run, what, tmp_path / "dry", licence[1] if licence else None)
    repository = "me/mine" if what == "policy" else "datasets/me/mine"
    written = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    uploaded = {n: c for n, c in hub.files(repository).items() if n != ".gitattributes"}
    assert uploaded == written
    assert repository in hub.private
    assert "README.md" in written
    assert not list(finished_run.glob(".push*"))


def test_an_uploaded_policy_loads_and_its_card_is_read(finished_run, tmp_path):
    from transformers import AutoModelForCausalLM

    folder = write_for_hub(finished_run, "policy", tmp_path / "dry", "mit")
    AutoModelForCausalLM.from_pretrained(folder)
    _, front, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    told = YAML(typ="safe").load(front)
    assert (told["license"], told["library_name"]) == ("mit", "transformers")
    assert set(told["language"]) == {"en", "es", "sw"}
    assert "# lidr-lab: M1" in text
    for words in ("preference pairs", "95 % interval", "Versions: ", "learning_rate"):
        assert words in text
    assert str(finished_run) not in text + (folder / "run.json").read_text()


def test_the_card_names_a_base_of_the_hub_and_escapes():
    facts = RunFacts.model_validate(
        {"recipe": {"name": "<b>", "languages": ["sw"], "policy": {"path": "Qwen/Qwen3-4B"}}}
    )
    card = model_card(run_summary(), facts, "unknown", 1)
    assert 'base_model: "Qwen/Qwen3-4B"' in card
    assert "<b>" not in card.replace("`<b>`", ""), "code type obeys nothing"
    assert "48.4" in card, "the language table"
    assert r"72.0 \[69.0, 75.0\]" in card, "each value with its interval"
    assert "do not use this before it is known" in card


def test_no_folder_of_this_machine_is_published(finished_run, tmp_path):
    for what in ("policy", "results"):
        folder = write_for_hub(finished_run, what, tmp_path / what, "mit")
        for name in ("run.json", "report.html"):
            if (folder / name).exists():
                assert "/tmp/" not in (folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "token", "words"),
    [
        (["--to", "me/mine", "--licence", "mit"], "", "a push needs a token of the hub, got none"),
        (["--to", "me/mine", "--licence", "mit"], "hf_no", "expected the hub to take the upload"),
        (["--to", "mine", "--licence", "mit"], "hf_mine", "expected --to owner/name, got 'mine'"),
        (["--to", "me/mine"], "hf_mine", "expected --licence"),
        (["--licence", "mit"], "hf_mine", "expected --to owner/name, or --dry-run DIR"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(finished_run, tmp_path, arguments, token, words):
    hub = LocalHub()
    hub.tokens.add("hf_mine")
    code, _, error = pushed(finished_run, hub, *arguments, token=token, home=tmp_path / "home")
    assert (code, error.count("\n")) == (2, 1), error
    assert words in error
    assert not list(finished_run.glob(".push*"))


def test_a_run_without_a_policy_says_what_it_lacks(tmp_path):
    run_summary().write(tmp_path / "summary.json")
    write_json(tmp_path / "run.json", {"recipe": {"name": "x"}})
    with pytest.raises(InputError, match="has no trained policy"):
        write_for_hub(tmp_path, "policy", tmp_path / "out", "mit")
    (tmp_path / "there").mkdir()
    (tmp_path / "there/mine.txt").touch()
    with pytest.raises(InputError, match="there already"):
        write_for_hub(tmp_path, "results", tmp_path / "there", None)
