"""A stage over shards: resumed at the first missing one, the same as in one go."""

import pytest

from isoglot.core.records import Completion, Dropped, Prompt
from isoglot.core.store import DROPPED, read_shard, shard_path, shard_paths, write_shard
from isoglot.execute.local import ShardCounts, map_shards
from isoglot.execute.progress import Bar

NUM_SHARDS = 3


def answer(prompts, model="model@1"):
    """One completion for each prompt."""
    return [
        Completion(p.family, p.prompt_id, p.language, model, 0, p.text.upper(), "stop")
        for p in prompts
    ]


def split(prompts, completions):
    """The last completion of each shard is dropped."""
    *kept, last = completions
    gone = Dropped(last.family, last.prompt_id, last.language, "", "last", last.text, "")
    assert [p.prompt_id for p in prompts] == [c.prompt_id for c in completions]
    return kept, [gone]


@pytest.fixture
def prompts(tmp_path):
    folder = tmp_path / "prompts"
    for k in range(NUM_SHARDS):
        rows = [Prompt.from_text(f"prompt {k} {i}", language="en") for i in range(4)]
        write_shard(shard_path(folder, k), rows, Prompt)
    return folder


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.parquet")}


class Marks(Bar):
    """A bar that keeps its marks."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.reached = []

    def reach(self, num, language=""):
        super().reach(num, language)
        if num:
            self.reached.append(num)


def test_every_shard_is_mapped_and_counted(prompts, tmp_path):
    out, bar = tmp_path / "out", Marks("answer", 24)
    counts = map_shards(answer, [(prompts, Prompt)], out, Completion, bar=bar)
    assert counts == ShardCounts(num_shards=3, num_kept_shards=0, num_rows=12, num_dropped=0)
    assert bar.reached == [8, 16, 24], "shares of the bar's total"
    assert [len(read_shard(path, Completion)) for path in shard_paths(out)] == [4, 4, 4]


def test_two_inputs_meet_part_by_part_and_the_dropped_lie_aside(prompts, tmp_path):
    completions, out = tmp_path / "completions", tmp_path / "out"
    map_shards(answer, [(prompts, Prompt)], completions, Completion)
    both = [(prompts, Prompt), (completions, Completion)]
    counts = map_shards(split, both, out, Completion)
    assert counts == ShardCounts(num_shards=3, num_kept_shards=0, num_rows=9, num_dropped=3)
    assert read_shard(shard_path(out / DROPPED, 2), Dropped)[0].reason == "last"
    assert map_shards(split, both, out, Completion) == counts._replace(num_kept_shards=3)


def test_model_is_loaded_once_and_only_when_a_shard_is_missing(prompts, tmp_path):
    loads = []

    def load():
        loads.append("model@2")
        return loads[-1]

    def run():
        return map_shards(answer, [(prompts, Prompt)], tmp_path / "out", Completion, load=load)

    run()
    assert loads == ["model@2"]
    assert run().num_kept_shards == NUM_SHARDS
    assert loads == ["model@2"]
    assert read_shard(shard_path(tmp_path / "out", 0), Completion)[0].sampler == "model@2"


def test_interrupted_run_goes_on_and_gives_the_same_bytes(prompts, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    map_shards(answer, [(prompts, Prompt)], whole, Completion)
    asked = []

    def die_in_the_second_shard(rows):
        asked.append(rows[0].text)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return answer(rows)

    with pytest.raises(KeyboardInterrupt):
        map_shards(die_in_the_second_shard, [(prompts, Prompt)], broken, Completion)
    counts = map_shards(die_in_the_second_shard, [(prompts, Prompt)], broken, Completion)
    assert counts.num_kept_shards == 1
    assert asked == ["prompt 0 0", "prompt 1 0", "prompt 1 0", "prompt 2 0"]
    assert contents(broken) == contents(whole)


def test_damaged_output_shard_is_made_again(prompts, tmp_path):
    out = tmp_path / "out"
    map_shards(answer, [(prompts, Prompt)], out, Completion)
    before = contents(out)
    damaged = shard_path(out, 1)
    damaged.write_bytes(damaged.read_bytes()[:50])
    assert map_shards(answer, [(prompts, Prompt)], out, Completion).num_kept_shards == 2
    assert contents(out) == before


def test_damaged_input_shard_is_named(prompts, tmp_path):
    shard_path(prompts, 1).write_bytes(b"half")
    with pytest.raises(ValueError, match=r"cannot read .*part-00001"):
        map_shards(answer, [(prompts, Prompt)], tmp_path / "out", Completion)


def test_input_without_shards_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no shards in"):
        map_shards(answer, [(tmp_path, Prompt)], tmp_path / "out", Completion)


def test_parts_that_do_not_match_are_named(prompts, tmp_path):
    completions = tmp_path / "completions"
    map_shards(answer, [(prompts, Prompt)], completions, Completion)
    shard_path(completions, 1).unlink()
    both = [(prompts, Prompt), (completions, Completion)]
    with pytest.raises(ValueError, match=r"not have the same shards \(part-00001"):
        map_shards(split, both, tmp_path / "out", Completion)


def test_output_of_a_longer_input_is_refused(prompts, tmp_path):
    out = tmp_path / "out"
    map_shards(answer, [(prompts, Prompt)], out, Completion)
    shard_path(prompts, 2).unlink()
    with pytest.raises(ValueError, match="has part-00002"):
        map_shards(answer, [(prompts, Prompt)], out, Completion)


def test_several_shards_at_once_are_the_same_and_a_failure_leaves_whole_ones(prompts, tmp_path):
    from threading import Barrier

    inputs = [(prompts, Prompt)]
    counts = map_shards(answer, inputs, tmp_path / "one", Completion)
    together = Barrier(NUM_SHARDS)  # broken unless all shards are in work at once

    def at_once(rows, tick):
        together.wait(20)
        tick(len(rows), "en")
        return answer(rows)

    bar, out = Bar("generate", 12), tmp_path / "three"
    several = {"bar": bar, "ticks": True, "num_at_once": NUM_SHARDS}
    assert map_shards(at_once, inputs, out, Completion, **several) == counts
    assert contents(out) == contents(tmp_path / "one")
    assert bar.done == 12

    def fail(rows):
        if "1" in rows[0].text:
            raise RuntimeError("lost the server")
        return answer(rows)

    with pytest.raises(RuntimeError, match="lost the server"):
        map_shards(fail, inputs, tmp_path / "failed", Completion, num_at_once=2)
    again = map_shards(answer, inputs, tmp_path / "failed", Completion)
    assert again._replace(num_kept_shards=0) == counts
    assert contents(tmp_path / "failed") == contents(out)
