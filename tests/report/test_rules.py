"""The rules of `report/`: small pages over one engine, typed results, `rich` in one place."""

import ast
from pathlib import Path

import pytest

import isoglot.report

REPORT = Path(isoglot.report.__file__).parent
PACKAGE = REPORT.parent
FILES = sorted(REPORT.rglob("*.py"))
PAGES = sorted((REPORT / "pages").glob("*.py"))
PARTS = ("results", "table", "charts", "cards", "page", "pages")
"""The parts of `report/` that a page may import."""
RICH = ("commands", "report/table.py", "execute/progress.py")


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    found += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    return set(found)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_is_short_and_imports_the_engine_only(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150
    ours = {name for name in imports(path) if name.startswith("isoglot.")}
    for name in ours - {"isoglot.core.errors"}:
        assert name.startswith("isoglot.report."), name
        assert name.split(".")[2] in PARTS, name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_signature_has_a_dictionary_of_anything(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
            types = [node.returns, *(argument.annotation for argument in arguments)]
            for kind in filter(None, types):
                assert "[str, Any]" not in ast.unparse(kind), node.name


def test_rich_is_in_three_places() -> None:
    users = {name_of(path) for path in PACKAGE.rglob("*.py")
             if any(name.split(".")[0] == "rich" for name in imports(path))}  # fmt: skip
    assert "report/table.py" in users
    assert {name for name in users if not name.startswith(RICH)} == set()


def test_nothing_is_formatted_by_hand() -> None:
    for path in [*FILES, REPORT / "report.html.jinja"]:
        assert "fmt: skip" not in path.read_text(encoding="utf-8"), path.name
