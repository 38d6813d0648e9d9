"""Replies of servers: the answer and its end, in whatever words a server tells them."""

import json

import pytest
from cases import cases

from isoglot.models.server.chat import read_chat


def body(**choice):
    whole = {"message": {"role": "assistant", "content": "Jibu ni 18."}, **choice}
    return json.dumps({"choices": [whole]}).encode()


@cases("finish_reason")
def test_the_end_of_an_answer(case):
    assert read_chat(body(finish_reason=case.input)).finish_reason in case.right


@pytest.mark.parametrize("key", ["finish_reason", "finishReason", "stop_reason", "done_reason"])
def test_a_finish_reason_is_found_by_the_key_of_any_api(key):
    for place in (body(**{key: "MAX_TOKENS"}), body()[:-1] + f', "{key}": "max_tokens"}}'.encode()):
        reply = read_chat(place)
        assert (reply.text, reply.finish_reason, reply.ended) == (
            "Jibu ni 18.",
            "length",
            "max_tokens",
        )
    assert read_chat(body()).finish_reason == "stop"
