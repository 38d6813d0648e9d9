"""A small hub on loopback, as much of the Hugging Face Hub as its clients ask for to read files.

Repositories are `datasets/OWNER/NAME`, or `OWNER/NAME` for models. Each commit has all of its
files; `main` is the newest commit.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from loopback import served


class LocalHub:
    """Its commits; `gated` are the repositories whose files it keeps back."""

    def __init__(self) -> None:
        self.gated: set[str] = set()
        self._commits: dict[str, dict[str, Mapping[str, bytes]]] = defaultdict(dict)
        self._branches: dict[tuple[str, str], str] = {}

    def commit(self, repository: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Put files there, and move the branch to them; gives the commit."""
        name = hashlib.sha1(repr((repository, sorted(files.items()))).encode()).hexdigest()
        self._commits[repository][name] = files
        self._branches[repository, branch] = name
        return name

    def answer(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of a path."""
        parts = unquote(path).strip("/").split("/")
        is_api = parts[0] == "api"
        if is_api:
            parts = parts[2:] if parts[1] == "models" else parts[1:]
        end = 3 if parts[0] == "datasets" else 2
        repository, rest = "/".join(parts[:end]), parts[end:]
        if repository not in self._commits:
            return _error(404, "RepoNotFound", "Repository not found")
        if repository in self.gated and not is_api:
            return _error(403, "GatedRepo", f"Access to {repository} is restricted")
        verb, wanted = (rest[0], "/".join(rest[1:])) if rest else ("revision", "main")
        known = [branch for of, branch in self._branches if of == repository]
        revisions = [*known, *self._commits[repository]]
        revision = next((r for r in revisions if f"{wanted}/".startswith(f"{r}/")), None)
        if revision is None:
            return _error(404, "RevisionNotFound", f"Invalid rev id: {wanted}")
        commit = self._branches.get((repository, revision), revision)
        files, place = self._commits[repository][commit], wanted[len(revision) :].strip("/")
        if verb == "revision":
            siblings = [{"rfilename": name} for name in files]
            owner_name = repository.removeprefix("datasets/")
            return _json({"id": owner_name, "sha": commit, "siblings": siblings, "tags": []})
        if verb == "tree":
            return _json(_tree(files, place))
        if place not in files:
            return _error(404, "EntryNotFound", f"{place} does not exist")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_oid(files[place])}"'}
        return 200, headers, files[place]

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Listen on loopback; gives the address for `HF_ENDPOINT`."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, body = outer.answer(urlsplit(self.path).path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        with served(Handler) as url:
            yield url


def _oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _tree(files: Mapping[str, bytes], place: str) -> list[dict[str, Any]]:
    """All that is below a place: files and the folders of files."""
    start = f"{place}/" if place else ""
    below = {name: content for name, content in files.items() if name.startswith(start)}
    parents = {
        "/".join(name.split("/")[:i]) for name in below for i in range(1, name.count("/") + 1)
    }
    folders = [
        {"type": "directory", "path": name, "oid": _oid(name.encode()), "size": 0}
        for name in sorted(parents)
        if name.startswith(start)
    ]
    return folders + [
        {"type": "file", "path": name, "oid": _oid(content), "size": len(content)}
        for name, content in below.items()
    ]


def _json(value: Any) -> tuple[int, Mapping[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _error(status: int, code: str, message: str) -> tuple[int, Mapping[str, str], bytes]:
    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return status, headers, json.dumps({"error": message}).encode()
