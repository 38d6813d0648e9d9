"""Sentences in three languages that tests ask, answer and translate."""

from isoglot.core.store import read_shard, shard_paths

ASKED = {
    "en": "How many apples are left on the table?",
    "es": "¿Cuántas manzanas quedan en la mesa?",
    "sw": "Ni maapulo mangapi yamebaki mezani?",
}
SAID = {
    "en": "There are {} apples left on the table today.",
    "es": "Quedan {} manzanas en la mesa hoy, amigo.",
    "sw": "Leo yamebaki maapulo {} juu ya meza.",
}
NAMES = {"English": "en", "Spanish": "es", "Swahili": "sw"}


def rows_of(folder, kind):
    """All rows of a stage's shards."""
    return [row for path in shard_paths(folder) for row in read_shard(path, kind)]
