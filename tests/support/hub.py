"""A Hugging Face hub on 127.0.0.1: what `huggingface_hub` 2.4 asks for to read repositories.

Repositories are folders, `ROOT/<models|datasets>/<owner>/<name>/<branch>/<files>`. A branch has one commit, the SHA-1
of its files; `hub.json` beside the branches may say {"gated": true} or {"private": true}. Weights and tables are LFS
files: their ETag is their SHA-256, and they are answered by a redirect to another host name, where no token belongs.
The ETag of all other files is git's blob id. Two tokens exist: OWNER opens everything, STRANGER is valid and opens
nothing. Nothing can be uploaded, and no file has a xet hash, so that clients fetch by plain HTTP.

The real hub answers a request for a missing repository with a bare 401, which `huggingface_hub` reads as "no such
repository" over https only; over http this server adds the error code that has the same effect.
"""

import hashlib
import json
import re
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

OWNER, STRANGER = "hf_of_the_owner", "hf_of_a_stranger"
CALLERS = {"": "nobody", OWNER: "owner", STRANGER: "stranger"}
LFS = {".safetensors", ".bin", ".h5", ".onnx", ".msgpack", ".parquet", ".gz"}
PAGE = 1000  # entries of a tree per answer, as on the real hub
API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?")
RESOLVE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Asked(NamedTuple):
    """One request and its answer; the caller is nobody, owner, stranger or unknown, by the token."""

    method: str
    path: str
    status: int
    n_bytes: int
    span: str
    caller: str
    host: str


class Found(NamedTuple):
    """A repository at one commit, and who may read it."""

    commit: str
    folder: Path
    access: dict[str, bool]


def sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def blob_id(path: Path) -> str:
    """Return the id that git gives to a file."""
    content = path.read_bytes()
    return sha1(b"blob %d\0%b" % (len(content), content))


def commit_of(branch: Path) -> str:
    """Return the commit that a branch has in this hub."""
    return sha1(json.dumps([entry(branch, path) for path in sorted(branch.rglob("*"))]).encode())


def entry(top: Path, path: Path) -> dict[str, Any]:
    """Describe a file or folder as the endpoint `tree` does."""
    name = path.relative_to(top).as_posix()
    if path.is_dir():
        return {"type": "directory", "oid": sha1(name.encode()), "size": 0, "path": name}
    size = path.stat().st_size
    facts = {"type": "file", "oid": blob_id(path), "size": size, "path": name}
    if path.suffix not in LFS:
        return facts
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {**facts, "lfs": {"oid": digest, "size": size, "pointerSize": 134}}


class Hub(ThreadingHTTPServer):
    """The server. All attributes may be changed while it runs.

    Attributes:
        requests: What was asked.
        cut: By end of a file's path: close the connection after so many bytes of it, each time it is asked for.
        wrong: Ends of paths that are answered with other bytes of the same length (a damaged mirror).
        down: Answer everything with 503.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.requests: list[Asked] = []
        self.cut: dict[str, int] = {}
        self.wrong: set[str] = set()
        self.down = False
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Ignore a client that hung up."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.caller = CALLERS.get(given, "unknown")
        if self.server.down:
            self.refuse(503, "", "Service Unavailable")
        elif ".." in unquote(url.path).split("/"):
            self.refuse(404, "", "Not Found")
        elif found := re.fullmatch(r"/cdn/(.+)", url.path):
            self.send_file(self.server.root / unquote(found[1]), {})
        elif self.caller == "unknown":
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif found := RESOLVE.fullmatch(url.path):
            self.resolve("datasets" if found[1] else "models", *map(unquote, found.groups()[1:]))
        elif found := API.fullmatch(url.path):
            start = int(parse_qs(url.query).get("cursor", ["0"])[0])
            self.describe(found[1], unquote(found[2]), found[3] or "", unquote(found[4] or "main"), start)
        else:
            self.refuse(404, "", "Not Found")

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def find(self, kind: str, name: str, revision: str) -> Found | None:
        """Find a repository and revision, or refuse as the hub does: it does not say whether a private one exists."""
        folder = self.server.root / kind / name
        facts = folder / "hub.json"
        access = json.loads(facts.read_text()) if facts.exists() else {}
        if not folder.is_dir() or (access.get("private") and self.caller != "owner"):
            self.refuse(401 if self.caller == "nobody" else 404, "RepoNotFound", "Repository not found")
            return None
        for branch in (path for path in sorted(folder.iterdir()) if path.is_dir()):
            commit = commit_of(branch)
            if revision in {commit, unquote(branch.name)}:
                return Found(commit, branch, access)
        self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return None

    def describe(self, kind: str, name: str, what: str, revision: str, start: int) -> None:
        if (found := self.find(kind, name, revision)) is None:
            return
        if what != "tree":
            self.send_json({"_id": "0", "id": name, "sha": found.commit, "siblings": [], "tags": [], "private": False})
            return
        paths = sorted(found.folder.rglob("*"))
        more = f"{self.server.url}{urlsplit(self.path).path}?recursive=true&cursor={start + PAGE}"
        links = {"Link": f'<{more}>; rel="next"'} if len(paths) > start + PAGE else {}
        self.send_json([entry(found.folder, path) for path in paths[start : start + PAGE]], links)

    def resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        if (found := self.find(kind, name, revision)) is None:
            return
        file, headers = found.folder / path, {"X-Repo-Commit": found.commit}
        if found.access.get("gated") and self.caller != "owner":
            self.refuse(401 if self.caller == "nobody" else 403, "GatedRepo", f"Access to {name} is restricted.")
        elif not file.is_file():
            self.refuse(404, "EntryNotFound", "Entry not found", headers)
        elif "lfs" not in (described := entry(found.folder, file)):
            self.send_file(file, headers | {"ETag": f'"{described["oid"]}"'})
        else:
            headers |= {"X-Linked-ETag": f'"{described["lfs"]["oid"]}"', "X-Linked-Size": str(described["size"])}
            # Another host name, as the real hub has for large files: the client must not take the token there.
            place = quote(file.relative_to(self.server.root).as_posix())
            headers["Location"] = f"http://localhost:{self.server.server_address[1]}/cdn/{place}"
            self.send(302, BytesIO(b"Found"), headers, 5)

    def send_file(self, path: Path, headers: dict[str, str]) -> None:
        start, end = 0, path.stat().st_size
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if span:
            headers["Content-Range"] = f"bytes {span[1]}-{span[2] or end - 1}/{end}"
            start, end = int(span[1]), min(end, int(span[2]) + 1) if span[2] else end
        with path.open("rb") as file:
            file.seek(start)
            self.send(206 if span else 200, file, {"Accept-Ranges": "bytes", **headers}, end - start, str(path))

    def send_json(self, content: object, headers: dict[str, str] | None = None, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send(status, BytesIO(body), {"Content-Type": "application/json", **(headers or {})}, len(body))

    def refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        said = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}) | (headers or {})
        self.send_json({"error": message}, said, status)

    def send(self, status: int, body: BinaryIO, headers: dict[str, str], length: int, path: str = "") -> None:
        self.send_response_only(status)
        for key, value in {"Date": formatdate(usegmt=True), "Content-Length": str(length), **headers}.items():
            self.send_header(key, value)
        n_bytes = 0
        limit = min([length, *(n for end, n in self.server.cut.items() if path.endswith(end))])
        if self.command != "HEAD":
            content = body.read(limit)
            wrong = any(path.endswith(end) for end in self.server.wrong)
            n_bytes, self.close_connection = len(content), self.close_connection or limit < length
        # Noted before it is sent, so that a client that has its answer finds the note.
        span, host = self.headers.get("Range") or "", self.headers.get("Host") or ""
        self.server.requests.append(Asked(self.command, self.path, status, n_bytes, span, self.caller, host))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(bytes(len(content)) if wrong else content)
