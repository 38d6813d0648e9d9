"""The models of the lab in the package, by their names."""

from pathlib import Path

from isoglot.core.errors import InputError

MODELS = Path(__file__).parent / "models"
"""The checkpoints in the package."""

POLICY = MODELS / "policy"


def lab_path(path: str) -> str:
    """Return the folder of `lab:NAME` or of `lab`, the policy; any other path is unchanged.

    Raises:
        InputError: the package has no model of that name.
    """
    word, colon, name = path.partition(":")
    if word != "lab" or not (colon or path == "lab"):
        return path
    folder = MODELS / (name or "policy")
    if not (folder / "config.json").is_file():
        there = ", ".join(sorted(f"lab:{found.name}" for found in MODELS.iterdir()))
        raise InputError(f"the lab has no model {path!r}: expected one of {there}")
    return str(folder)
