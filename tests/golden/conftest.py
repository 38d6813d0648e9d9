"""Real data that others published with the figures that they got from it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from published import published, published_rows


@pytest.fixture(scope="session")
def shared_data() -> Callable[..., Path]:
    """See `published`."""
    return published


@pytest.fixture(scope="session")
def shared_rows() -> Callable[..., list[dict]]:
    """See `published_rows`."""
    return published_rows
