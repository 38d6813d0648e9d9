"""The command line: every verb answers, exit codes, and one line for what went wrong."""

import re
import shutil
import subprocess
import sys

from tiny_run import tiny_overrides
from typer.main import get_command

from isoglot.commands.main import app
from isoglot.commands.run import QUICK
from isoglot.recipe.loading import packaged
from isoglot.recipe.recipe import load_recipe


def test_a_run_ends_with_a_table_and_the_place_of_the_report(isoglot, tiny_policy, tmp_path):
    overrides = tiny_overrides(tiny_policy, "rounds=1", "name=mine")
    code, out, err = isoglot("run", "lidr-lab", "--out", tmp_path / "run", *overrides)
    assert code == 0
    assert "Traceback" not in err
    assert "round 0 · generate 24/24" in err, "progress, with language and stage"
    for word in ("en", "es", "sw", "it", "M0", "M1"):
        assert word in out
    assert f"report: {tmp_path / 'run' / 'report.html'}" in out
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")


def test_the_report_of_a_run_is_written_again(isoglot, finished_run, tmp_path):
    run = shutil.copytree(finished_run, tmp_path / "run")
    code, out, _ = isoglot("report", run)
    assert code == 0
    assert "Stopped: no language gained" in out
    assert (run / "report.html").exists()


def test_the_verbs_that_only_tell(isoglot):
    code, out, _ = isoglot("recipes")
    assert code == 0
    assert "lidr-lab" in out
    code, out, _ = isoglot("languages")
    assert code == 0
    for word in ("sw", "swh_Latn", "Kiswahili"):
        assert word in out
    code, out, _ = isoglot("env")
    assert code == 0
    for word in ("python", "torch", "cpu_cores", "vllm"):
        assert word in out


def verbs(group=None, before=()):
    """Every verb, such as `("train", "sft")`, with the first line of its help."""
    for name, command in (group or get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, (*before, name))
        else:
            yield (*before, name), (command.help or "").strip().split("\n")[0]


def test_the_help_of_every_verb_begins_with_a_sentence(isoglot):
    for verb, sentence in verbs():
        name = " ".join(verb)
        assert sentence[0].isupper(), name
        assert sentence.endswith((".", ",")) or sentence[-1].isalpha(), name
        code, out, _ = isoglot(*verb, "--help")
        assert code == 0
        assert re.search(rf"Usage: \S+ {name} \[OPTIONS\]", out)


def test_help_lists_the_verbs_a_line_each(isoglot):
    _, out, _ = isoglot("--help")
    listed = set(re.findall(r"^│ ([a-z-]+) +[A-Z]", out, re.MULTILINE))
    assert listed == {verb[0] for verb, _ in verbs()}


def test_help_names_every_study(isoglot):
    _, out, _ = isoglot("study", "--help")
    assert all(name in out for name in packaged("study"))


def test_no_run_there(isoglot, tmp_path):
    for verb in ("report", "audit"):
        code, _, err = isoglot(verb, tmp_path / "none")
        assert code == 2
        assert err.startswith("isoglot: expected a file")
        assert "summary.json, came none" in err
        assert err.count("\n") == 1


def test_a_summary_that_cannot_be_read(isoglot, tmp_path):
    (tmp_path / "summary.json").write_text('{"recipe": ')
    code, _, err = isoglot("report", tmp_path)
    assert code == 2
    assert "run the recipe again" in err


def test_the_audit_has_a_row_for_each_policy_and_a_column_for_each_language(isoglot, finished_run):
    code, out, _ = isoglot("audit", finished_run)
    assert code == 0
    for word in ("M0 lab_math", "M1 lab_math", "en", "es", "sw", "it"):
        assert word in out


def test_a_verb_that_is_not_there(isoglot):
    code, _, err = isoglot("runn")
    assert code == 2
    assert "No such command 'runn'" in err


def test_the_lab_is_not_built_over_something(isoglot, tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    code, _, err = isoglot("lab", "build", "--out", tmp_path)
    assert code == 2
    assert "is there already, with mine.txt: give a new or empty folder" in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_quick_demo_is_a_recipe_of_its_own():
    quick = load_recipe("lidr-lab", QUICK)
    assert quick.name != load_recipe("lidr-lab").name, "so that neither takes the other's folder"
    assert quick.rounds == 1


def test_the_module_is_installed_as_a_command():
    code = "from isoglot.commands.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "lidr-lab", "seed"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "isoglot: expected key=value, got 'seed'; for example seed=2\n"
