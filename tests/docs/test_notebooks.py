"""The notebooks of the site run from their first cell to their last."""

import json
from pathlib import Path
from typing import Any

import pytest
from site_project import ROOT

pytestmark = pytest.mark.slow


def run_notebook(path: Path) -> dict[str, Any]:
    """Run the code of a notebook; returns its names."""
    names: dict[str, Any] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), path.name, "exec"), names)
    return names


def test_the_lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_notebook(ROOT / "docs" / "lab.ipynb")
    assert set(names["frame"]["language"]) == {"en", "es", "sw", "pt"}
    assert names["run"].policy.is_dir()
    assert names["pair"].language == "sw"


def test_own_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_notebook(ROOT / "docs" / "own-data.ipynb")
    assert [pair.language for pair in names["pairs"]] == ["en", "sw"]
    assert names["found"].forms == {"prompt-completion": 2, "prompt-only": 1}
    assert names["row"].n == 30
