"""A small hub on loopback: the few requests that huggingface_hub and datasets send to read a data set or a model."""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT, CONVERTED_COMMIT = "a" * 40, "b" * 40


@dataclass
class FakeHub:
    """`repos` maps an id of a data set or a model to its files; ids in `gated` and `closed` are refused, those in
    `busy` answered with 503; `converted` is the hub's Parquet copy of a data set, and the hub's bot's pull request
    for a model."""

    repos: Mapping[str, Mapping[str, bytes]]
    gated: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    """Refused as with a token that does not suffice."""
    busy: set[str] = field(default_factory=set)
    converted: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def __enter__(self) -> "FakeHub":
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub._answer(self)

            do_HEAD = do_POST = do_GET  # noqa: N815  # the server's names

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """For HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(request.path).path)
        self.requests.append(f"{request.command} {path}")
        repo = next((name for name in (*self.busy, *self.repos) if f"/{name}/" in path + "/"), None)
        if repo is None or repo in self.busy | self.closed or (repo in self.gated and "/resolve/" in path):
            return self._refuse(request, repo)
        rest = path.partition(repo)[2].strip("/").split("/")
        files = self.converted[repo] if CONVERTED_COMMIT in rest else self.repos[repo]
        match rest:
            case [""] | ["revision", "main" | "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]:
                return self._info(request, repo, COMMIT)
            case ["revision", "refs", "convert" | "pr", _] | ["revision", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]:
                if repo in self.converted:
                    return self._info(request, repo, CONVERTED_COMMIT)
                return self._send(request, 404, b"", {"X-Error-Code": "RevisionNotFound"})
            case ["discussions"]:
                return self._json(request, {"discussions": [self._pull_request(repo)], "count": 1, "start": 0})
            case ["revision", *_]:
                return self._send(request, 404, b"", {"X-Error-Code": "RevisionNotFound"})
            case ["tree", _, *folder]:
                return self._json(request, self._children(files, "".join(name + "/" for name in folder)))
            case ["paths-info", _]:
                wanted = json.loads(body)["paths"] if body.startswith(b"{") else body.decode()
                return self._json(request, [self._entry(name, files[name]) for name in files if name in wanted])
            case ["resolve", _, *name] if "/".join(name) in files:
                data = files["/".join(name)]
                headers = {"X-Repo-Commit": rest[1], "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}  # noqa: S324
                return self._send(request, 200, data, headers)
        return self._send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})

    def _refuse(self, request: BaseHTTPRequestHandler, repo: str | None) -> None:
        if repo in self.busy:
            return self._send(request, 503, b"", {"Retry-After": "0"})  # each of the libraries' waits is 1 s then
        if repo is None:
            return self._send(request, 401, b"", {"X-Error-Code": "RepoNotFound"})
        return self._send(request, 403, b"", {"X-Error-Code": "GatedRepo"} if repo in self.gated else {})

    def _info(self, request: BaseHTTPRequestHandler, repo: str, commit: str) -> None:
        files = self.converted[repo] if commit == CONVERTED_COMMIT else self.repos[repo]
        siblings = [{"rfilename": name} for name in files]
        info = {"id": repo, "sha": commit, "private": False, "tags": [], "siblings": siblings, "downloads": 0}
        self._json(request, info)

    def _pull_request(self, repo: str) -> dict[str, object]:
        author = "SFconvertbot" if repo in self.converted else "somebody"
        return {
            "num": 1, "title": "Adding `safetensors` variant of this model", "status": "open", "isPullRequest": True,
            "author": {"name": author}, "createdAt": "2023-03-01T00:00:00.000Z",
            "repo": {"name": repo, "type": "model"},
        }  # fmt: skip

    def _children(self, files: Mapping[str, bytes], prefix: str) -> list[dict[str, object]]:
        inside = [name for name in files if name.startswith(prefix)]
        folders = dict.fromkeys(
            prefix + name[len(prefix) :].split("/")[0] for name in inside if "/" in name[len(prefix) :]
        )
        entries = [self._entry(name, files[name]) for name in inside if "/" not in name[len(prefix) :]]
        return [*entries, *({"type": "directory", "path": name, "oid": "0" * 40, "size": 0} for name in folders)]

    @staticmethod
    def _entry(name: str, data: bytes) -> dict[str, object]:
        return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}  # noqa: S324

    def _json(self, request: BaseHTTPRequestHandler, value: object) -> None:
        self._send(request, 200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
