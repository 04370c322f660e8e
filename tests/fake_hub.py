"""A hub of one's own: an HTTP server that keeps repositories of models as Hugging Face's does.

It answers what the real client asks when it makes a repository, sends files (small ones in the
commit, large ones by git LFS) and fetches them; not the newer storage, Xet.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_a_test"


@dataclass
class Repository:
    """Commits, the newest last: SHA and files."""

    private: bool = False
    gated: bool = False
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)

    def commit(self, files: dict[str, bytes]) -> str:
        told = repr(
            (len(self.commits), sorted((n, hashlib.sha1(b).hexdigest()) for n, b in files.items()))
        )
        sha = hashlib.sha1(told.encode()).hexdigest()
        self.commits.append((sha, files))
        return sha

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((c for c in self.commits if c[0] == revision), None)


@dataclass
class Hub:
    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def make(self, name: str, files: dict[str, bytes] | None = None, **how: bool) -> Repository:
        made = self.repositories[name] = Repository(**how)
        made.commit(files or {".gitattributes": b""})
        return made

    def files(self, name: str) -> dict[str, bytes]:
        return self.repositories[name].commits[-1][1]


class Refused(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *given: Any) -> None: ...

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        try:
            found = self._route(path, body)
        except Refused as no:
            told = {"X-Error-Code": no.code, "X-Error-Message": no.message}
            self._answer(no.status, b"{}", {k: v for k, v in told.items() if v})
            return
        if isinstance(found, tuple):
            self._answer(200, *found)
        else:
            self._answer(200, json.dumps(found).encode(), {"Content-Type": "application/json"})

    do_GET = do_HEAD = do_POST = do_PUT = _any

    def _is_owner(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _writes(self) -> None:
        if not self._is_owner():
            raise Refused(403, "", "you may not write")

    def _repository(self, name: str) -> Repository:
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not self._is_owner()):
            raise Refused(404 if self._is_owner() else 401, "RepoNotFound", "Repository not found")
        return found

    def _revision(self, name: str, revision: str) -> tuple[str, dict[str, bytes]]:
        found = self._repository(name).at(revision)
        if found is None:
            raise Refused(404, "RevisionNotFound", "no such revision")
        return found

    def _route(self, path: str, body: bytes) -> Any:
        if path == "/api/repos/create":
            self._writes()
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in self.hub.repositories:
                raise Refused(409, "", "exists")
            private = asked.get("private") or asked.get("visibility") == "private"
            self.hub.make(name, private=bool(private))
            return {"url": f"{self.hub.address}/{name}", "name": name}
        if path == "/api/validate-yaml":
            return {"errors": [], "warnings": []}
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            sha, files = self._revision(found[1], found[2] or "main")
            return {"id": found[1], "sha": sha, "siblings": [{"rfilename": name} for name in files]}
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+).*", path):
            files = self._revision(found[1], found[2])[1]
            return [
                {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                for name, data in sorted(files.items())
            ]
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/.+", path):
            self._writes()
            return {
                "files": [
                    {
                        "path": f["path"],
                        "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular",
                        "shouldIgnore": False,
                    }
                    for f in json.loads(body)["files"]
                ]
            }
        if re.fullmatch(r"/[^/]+/[^/]+\.git/info/lfs/objects/batch", path):
            self._writes()
            return {
                "transfer": "basic",
                "objects": [self._upload(o) for o in json.loads(body)["objects"]],
            }
        if found := re.fullmatch(r"/lfs/([0-9a-f]{64})", path):
            assert hashlib.sha256(body).hexdigest() == found[1]
            self.hub.large[found[1]] = body
            return {}
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/.+", path):
            self._writes()
            return self._commit(self._repository(found[1]), found[1], body)
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            sha, files = self._revision(found[1], found[2])
            if self._repository(found[1]).gated and not self._is_owner():
                raise Refused(403, "GatedRepo", "ask for access")
            if found[3] not in files:
                raise Refused(404, "EntryNotFound", "no such file")
            data = files[found[3]]
            return data, {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": sha}
        raise Refused(404, "", path)

    def _upload(self, wanted: dict[str, Any]) -> dict[str, Any]:
        action = {"upload": {"href": f"{self.hub.address}/lfs/{wanted['oid']}"}}
        return {"oid": wanted["oid"], "size": wanted["size"], "actions": action}

    def _commit(self, repository: Repository, name: str, body: bytes) -> dict[str, Any]:
        files = dict(repository.commits[-1][1])
        for line in body.splitlines():
            told = json.loads(line)
            value = told["value"]
            if told["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif told["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif told["key"] == "deletedFile":
                del files[value["path"]]
        sha = repository.commit(files)
        url = f"{self.hub.address}/{name}/commit/{sha}"
        return {"success": True, "commitOid": sha, "commitUrl": url}


def _oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    handler = type("Own", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
