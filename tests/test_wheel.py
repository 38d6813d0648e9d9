"""The wheel, built and installed into a bare folder: the package has all that it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SMALL = (
    *("rounds=1", "prompts.num_families=20", "families_per_shard=20"),
    *("evaluate.tasks.0.num_families=4", "evaluate.tasks.1.num_families=4"),
    "evaluate.validation.num_families=4",
)


def python(*arguments, at: Path, path: Path | None = None) -> str:
    """What a Python prints in the folder `at`, with the packages of `path` before all others."""
    environment = {**os.environ, "PYTHONPATH": str(path or ""), "PIP_NO_INPUT": "1"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with nothing but the wheel; the libraries are those of this environment."""
    scratch = tmp_path_factory.mktemp("wheel")
    build = ("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet")
    python(*build, "--wheel-dir", scratch / "dist", ROOT, at=scratch)
    (wheel,) = (scratch / "dist").glob("isoglot-*.whl")
    install = ("-m", "pip", "install", "--no-deps", "--quiet", "--target", scratch / "site")
    python(*install, wheel, at=scratch)
    return scratch / "site"


def test_the_wheel_lists_its_recipes_runs_the_demo_and_writes_the_page(installed, tmp_path):
    where = python("-c", "import isoglot; print(isoglot.__file__)", at=tmp_path, path=installed)
    assert where.strip() == str(installed / "isoglot" / "__init__.py"), "not the checkout"
    assert (installed / "isoglot" / "py.typed").exists()
    assert "lidr-lab" in python("-m", "isoglot", "recipes", at=tmp_path, path=installed)
    out = tmp_path / "demo"
    run = ("-m", "isoglot", "demo", "--quick", "--out", out, *SMALL)
    assert f"report: {out / 'report.html'}" in python(*run, at=tmp_path, path=installed)
    (out / "report.html").unlink()
    python("-m", "isoglot", "report", out, at=tmp_path, path=installed)
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "accuracy" in (out / "summary.json").read_text(encoding="utf-8")
