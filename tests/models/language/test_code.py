"""Lines of code say nothing about a language, and prose stays whole."""

import time

import pytest
from fixtures.cases import cases

from isoglot.models.language.code import without_code
from isoglot.models.language.identifier import RestrictedIdentifier
from isoglot.models.language.scripts import extract_words


@cases("lid_code")
def test_code_is_in_no_language(case):
    identifier = RestrictedIdentifier(case.input["candidates"])
    assert identifier.identify([case.input["text"]])[0] in case.right


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a\nFROM b\nWHERE c = 'Paris'\nGROUP BY a\nHAVING COUNT(*) > 3",
        "select name, age from users where age > 30 order by name;",
        "CREATE TABLE users (\n  id INT PRIMARY KEY,\n  name TEXT NOT NULL\n);",
        '{\n  "name": "Anna",\n  "colors": ["red", "dark blue"],\n  "n": {"a": true}\n}',
        "name: Build\non: push\njobs:\n  build:\n    steps:\n      - uses: actions/checkout@v4",
        'database:\n  host: localhost # here\n  port: 5432\n  password: "two words"',
        '[server]\nhost = "localhost"\nport = 8080',
        "pip install requests numpy",
        "docker run --rm -it ubuntu bash",
        "find . -name '*.py' | xargs grep -n hello",
        'for f in *.txt; do mv "$f" "old_$f"; done',
        "$ sudo apt-get update && sudo apt-get install nginx",
        "FROM python:3.11\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt",
        "body {\n  color: red;\n  font-family: Arial, sans-serif;\n}",
    ],
)
def test_code_without_a_fence_is_removed(text):
    assert extract_words(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Select a colour from the list, then press enter.",
        "The SELECT statement reads rows FROM a table.",
        "make sure that you read it",
        "use of -ing forms in English is hard",
        "Il a dit - je crois - que c'était bien",
        "answer: yes\nreason: because it is late in the evening",
        "苹果(红色)",
        '{"answer": "Die Kuh steht auf der Wiese", "n": 1}',
    ],
)
def test_prose_is_kept(text):
    words = {word.strip('.,:(){}"') for word in text.replace("(", " ").split()} - {
        "n",
        "1",
        "answer",
    }
    assert {word for word in words if word.isalpha()} <= {*extract_words(text).split()}


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a@",
            "x.y",
            "<a ",
            "a = ",
            "(",
            "`",
            "a.b(",
            "{ ",
            "http://",
            "SELECT\n",
            "select from ",
        ),
        *(
            "a: b\n",
            "- a\n",
            "git add ",
            '"a": ',
            '["a",',
            "a -b ",
            "a | ",
            "if [ ",
            "sudo ",
            "A= ",
        ),
    ],
)
def test_cleaning_is_linear_in_the_length(piece):
    start = time.process_time()
    without_code(piece * 20_000)
    assert time.process_time() - start < 2
