"""The site: it builds with no broken link, and the generated pages hold all of the package."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from markup import prose
from reference import PAGES, verbs
from schema import meaning_of, places
from site_project import ROOT, site_project
from typer.main import get_command

import isoglot
from isoglot.benchmarks.catalogue import BENCHMARKS
from isoglot.commands.main import app
from isoglot.core.languages import LANGUAGES
from isoglot.recipe.loading import packaged
from isoglot.recipe.recipe import Recipe
from isoglot.study.grid import StudyConfig


def build(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The sources of the site, with the generated pages."""
    return site_project(tmp_path_factory.mktemp("site"))


def generated(project: Path, name: str) -> str:
    return (project / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")


def test_the_site_builds_and_a_broken_anchor_fails(project):
    done = build(project)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in (project / "docs").rglob("*.md"):
        name = page.relative_to(project / "docs").with_suffix(".html")
        assert (project / ".site" / name).is_file(), name
    page = project / "docs" / "broken.md"
    page.write_text("# Broken\n\n[x](reference/keys.md#prompts.sorce)\n")
    assert build(project).returncode != 0
    page.unlink()


def test_every_page_is_in_the_navigation(project):
    listed = re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))
    pages = {str(path.relative_to(project / "docs")) for path in (project / "docs").rglob("*.md")}
    assert pages == set(listed)
    assert len(listed) == len(set(listed))
    assert {f"reference/{name}.md" for name in PAGES} <= pages


@pytest.mark.parametrize(("root", "page"), [(Recipe, "keys"), (StudyConfig, "study-keys")])
def test_every_key_has_a_meaning_and_an_entry(project, root, page):
    text = generated(project, page)
    known = {place.kind: place for place in places(root)}
    for kind, place in known.items():
        assert f"{{ #{place.anchor} }}" in text
        owners = [known[base].anchor for base in kind.__mro__ if base in known]
        for name in kind.model_fields:
            assert meaning_of(kind, name), f"{place.title}: {name}"
            entries = [text.count(f"`{name}`{{ #{anchor}.{name} }}") for anchor in owners]
            assert max(entries) == 1, f"{place.title}: {name}"


def test_every_verb_has_an_entry(project):
    text = generated(project, "commands")
    for names, command in verbs(get_command(app)):
        entry = text.split(f"## isoglot {' '.join(names)} {{")[1].split("\n## ")[0]
        for each in command.params:
            is_option = each.param_type_name == "option"
            assert (each.opts[0] if is_option else prose(each.help)) in entry, each.opts


def test_every_public_name_language_benchmark_and_recipe_has_an_entry(project):
    api = generated(project, "python")
    for name in isoglot.__all__:
        assert name.startswith("_") or f"## {name} {{" in api
    table = generated(project, "languages")
    assert all(f"| `{tag}` | {row.english_name} |" in table for tag, row in LANGUAGES.items())
    table = generated(project, "benchmarks")
    assert all(f"| `{name}` | {each.title} |" in table for name, each in BENCHMARKS.items())
    assert all(f"## {name} {{" in generated(project, "recipes") for name in packaged("recipe"))
