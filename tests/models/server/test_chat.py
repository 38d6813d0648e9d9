"""Replies of servers: the answer and its end, in whatever words a server tells them."""

import json

import pytest
from cases import cases

from isoglot.models.server.chat import cached_reply, read_chat


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


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_a_thought_that_the_server_took_out_is_no_answer(key):
    message = {"role": "assistant", "content": "18", key: "9 + 9"}
    assert read_chat(body(message=message, finish_reason="stop"))[::6] == ("18", "9 + 9")
    thought_only = read_chat(body(message={**message, "content": None}, finish_reason="stop"))
    assert (thought_only.text, thought_only.finish_reason) == ("", "length")
    parts = [{"type": "thinking", "thinking": "9 + 9"}, {"type": "text", "text": "18"}]
    assert read_chat(body(message={"content": parts}))[::6] == ("18", "9 + 9")


def test_a_cached_reply_keeps_its_answer_and_loses_a_thought_that_was_not_known():
    reply = read_chat(body(message={"content": "[THINK]9 + 9[/THINK]18 [/THINK]"}))
    assert cached_reply(reply._asdict()) == reply
    old = {**reply._asdict(), "text": "[THINK]9 + 9[/THINK]18 [/THINK]"}
    del old["thought"], old["ended"]
    assert cached_reply(old) == reply._replace(ended="")
