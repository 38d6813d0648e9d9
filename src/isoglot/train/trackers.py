"""Experiment trackers: where a training, and the evaluations of a run, are logged besides files.

`train.training.report_to` names them, as in transformers: `tensorboard`, `trackio`, `wandb`, … A
tracker changes no weight, so that it may be added to a run that is under way.
"""

import netrc
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError, did_you_mean, require

PROJECT = "isoglot"
"""The project of trackers that have projects."""

_EXTRAS = ("tensorboard", "trackio", "wandb")
"""Trackers that are an extra of the package."""
_WANDB_HOST = "api.wandb.ai"


def trackers_of(training: Mapping[str, Any]) -> list[str]:
    """Return the names in `report_to`; `all` are those that are installed."""
    given = training.get("report_to") or "none"
    names = [given] if isinstance(given, str) else list(given)
    if names == ["all"]:
        from transformers.integrations import get_available_reporting_integrations

        return get_available_reporting_integrations()
    return [] if names == ["none"] else names


def check_trackers(training: Mapping[str, Any]) -> None:
    """Raise InputError for an unknown tracker, one that is not installed, or W&B without a key."""
    names = trackers_of(training)
    if not names:
        return
    from transformers.integrations import get_available_reporting_integrations
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            hint = did_you_mean(name, INTEGRATION_TO_CALLBACK, "see `report_to` of transformers")
            raise InputError(f"unknown tracker {name!r} in `report_to`; {hint}")
        where = f"report_to: {name}"
        if name in _EXTRAS:
            require(name, where, f"remove {name} from report_to")
        elif name not in get_available_reporting_integrations():
            raise InputError(
                f"{where} needs the package of {name} and its settings, which are not there; "
                f"install it, or remove {name} from report_to"
            )
        if name == "wandb" and not _has_wandb_key():
            raise InputError(
                "report_to: wandb needs a key, got none; run `wandb login`, set WANDB_API_KEY, or "
                "log to files alone with WANDB_MODE=offline"
            )


def _has_wandb_key() -> bool:
    if os.environ.get("WANDB_MODE", "online") != "online" or "WANDB_API_KEY" in os.environ:
        return True
    host = os.environ.get("WANDB_BASE_URL", _WANDB_HOST).removeprefix("https://").strip("/")
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def without_trackers(config: Any) -> dict[str, Any]:
    """Return the settings of a training that decide its weights, as JSON has them."""
    settings: dict[str, Any] = config.model_dump(mode="json")
    training = {k: v for k, v in settings.get("training", {}).items() if k != "report_to"}
    return {**settings, "training": training}


def tracker_arguments(out: Path) -> dict[str, Any]:
    """Return TRL's arguments that name a training: by its folder."""
    os.environ.setdefault("WANDB_PROJECT", PROJECT)  # transformers reads it from there alone
    return {"report_to": "none", "run_name": out.as_posix(), "project": PROJECT}


def keep_tensorboard(trainer: Any, out: Path) -> None:
    """Write TensorBoard's files into `out/tensorboard`: checkpoints are deleted in the end."""
    from transformers.integrations import TensorBoardCallback

    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, TensorBoardCallback) and callback.logging_dir is None:
            callback.logging_dir = str(out / "tensorboard")


def track(
    names: Sequence[str], folder: Path, moments: Sequence[tuple[int, Mapping[str, float]]]
) -> None:
    """Log values at steps to the trackers that accelerate knows, as a run named by its folder."""
    from accelerate import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    PartialState()  # which process this is
    for name in names if moments else ():
        tracker_class = LOGGER_TYPE_TO_CLASS.get(name)
        if tracker_class is None:
            continue
        if name == "tensorboard":
            tracker = tracker_class("tensorboard", folder)
        elif name in ("wandb", "trackio"):
            tracker = tracker_class(PROJECT, name=folder.as_posix())
        else:
            tracker = tracker_class(folder.as_posix())
        tracker.start()
        for step, values in moments:
            tracker.log(dict(values), step=step)
        tracker.finish()
