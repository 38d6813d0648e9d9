"""A process that sees a hub on loopback, for the tests of sets of the hub."""

import pytest
from hub_caller import Caller
from local_hub import LocalHub


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    hub = LocalHub()
    with hub.serve() as address:
        caller = Caller(hub, address, tmp_path_factory.mktemp("hub"))
        yield caller
        caller.child.communicate(timeout=60)
