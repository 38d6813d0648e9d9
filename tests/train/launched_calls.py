"""Stand where a training function stands in the job of a launched process."""

import time

from isoglot.core.errors import InputError


def refuse(*, on_step):
    on_step(1, 2)
    raise InputError("expected less,\ngot more " + "é" * 9000)


def fail(*, on_step):  # noqa: ARG001
    raise KeyError("a bug")


def wait(*, on_step):
    on_step(1, 1)
    time.sleep(60)
