"""Preferences in three languages, and a short way to train on them."""

from pathlib import Path

import pytest
from by_hand import preference_rows, write_rows


@pytest.fixture(scope="session")
def preferences(tmp_path_factory) -> list[Path]:
    """Two shards of preferences."""
    folder, rows = tmp_path_factory.mktemp("preferences"), preference_rows()
    return [
        write_rows(folder / "0.parquet", rows[:10]),
        write_rows(folder / "1.parquet", rows[10:]),
    ]


@pytest.fixture
def training() -> dict:
    """Settings that move the tiny model in a few steps."""
    return {
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "num_train_epochs": 2,
        "logging_steps": 2,
        "save_steps": 4,
    }
