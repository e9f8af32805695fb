"""A server on this machine that speaks as much of the hub's protocol as a download needs."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(slots=True)
class FakeHub:
    """Models by id and revision; requests are kept, and can be disturbed."""

    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    """Content by file name, by (model id, commit)."""
    revisions: dict[tuple[str, str], str] = field(default_factory=dict)
    """Commits by (model id, branch or pull request)."""
    offers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Pull requests by model id."""
    status: int = 0
    """Answer everything with this status, where it is not 0."""
    headers: dict[str, str] = field(default_factory=dict)
    """Added to every answer."""
    drop_after: int = 0
    """Break the connection after so many bytes of the next weights."""
    hold_after: int = 0
    """Send so many bytes of weights and then wait for `release`."""
    ignores_ranges: bool = False
    damages: bool = False
    """Send weights of the right size and wrong content."""
    release: threading.Event = field(default_factory=threading.Event)
    ranges: list[str] = field(default_factory=list)
    """The Range header of each request for weights, '' where there was none."""
    asked: list[str] = field(default_factory=list)
    """Names of the files that were sent, also in part."""

    def add(self, model: str, files: dict[str, bytes], *, branch: str = "main") -> str:
        """Publish a commit and return it."""
        names = "".join(sorted(files)) + branch + model
        commit = hashlib.sha1(names.encode()).hexdigest()
        self.files[model, commit] = files
        self.revisions[model, branch] = commit
        return commit

    def offer(self, model: str, number: int, author: str, files: dict[str, bytes]) -> str:
        """Publish a pull request and return its commit."""
        facts = {
            "title": "Adding `safetensors` variant of this model",
            "num": number,
            "author": {"name": author},
            "createdAt": "2023-01-01T00:00:00.000Z",
            "status": "open",
            "repo": {"name": model, "type": "model"},
            "isPullRequest": True,
        }
        self.offers.setdefault(model, []).append(facts)
        return self.add(model, files, branch=f"refs/pr/{number}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:
        return None

    def _answer(self, *, with_body: bool) -> None:
        if self.hub.status:
            return self._send(self.hub.status, b"{}", with_body)
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            return self._describe(parts[2:], with_body)
        model, commit, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        content = self.hub.files.get((model, self._commit(model, commit)), {}).get(name)
        if content is None:
            return self._send(404, b"", with_body, {"X-Error-Code": "EntryNotFound"})
        return self._send_file(name, content, self._commit(model, commit), with_body)

    def _commit(self, model: str, revision: str) -> str:
        return self.hub.revisions.get((model, revision), revision)

    def _describe(self, parts: list[str], with_body: bool) -> None:
        model, rest = "/".join(parts[:2]), parts[2:]
        if not any(name == model for name, _ in self.hub.files):
            return self._send(404, b"{}", with_body, {"X-Error-Code": "RepoNotFound"})
        if rest[:1] == ["discussions"]:
            offers = self.hub.offers.get(model, [])
            page = {"discussions": offers, "count": len(offers), "start": 0}
            return self._send(200, json.dumps(page).encode(), with_body)
        commit = self._commit(model, rest[1] if rest else "main")
        files = self.hub.files.get((model, commit))
        if files is None:
            return self._send(404, b"{}", with_body, {"X-Error-Code": "RevisionNotFound"})
        siblings = [_sibling(name, content) for name, content in files.items()]
        facts = {"id": model, "sha": commit, "siblings": siblings, "private": False}
        return self._send(200, json.dumps(facts).encode(), with_body)

    def _send_file(self, name: str, content: bytes, commit: str, with_body: bool) -> None:
        headers = {"ETag": f'"{_tag(name, content)}"', "X-Repo-Commit": commit}
        wanted, status = self.headers.get("Range", ""), 200
        is_weights = _is_large(name)
        if with_body:
            self.hub.asked.append(name)
            if is_weights:
                self.hub.ranges.append(wanted)
        if is_weights and self.hub.damages:
            content = bytes(len(content))
        if wanted and not self.hub.ignores_ranges:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        self._send(status, content, with_body, headers, is_weights=is_weights)

    def _send(
        self,
        status: int,
        content: bytes,
        with_body: bool,
        headers: dict[str, str] | None = None,
        *,
        is_weights: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in ((headers or {}) | self.hub.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if not with_body:
            return
        if is_weights and self.hub.drop_after:
            self.wfile.write(content[: self.hub.drop_after])
            self.hub.drop_after = 0
            self.close_connection = True
            return
        if is_weights and self.hub.hold_after:
            self.wfile.write(content[: self.hub.hold_after])
            self.hub.release.wait()
            content = content[self.hub.hold_after :]
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """Serves a FakeHub on a free port of this machine."""

    daemon_threads = True

    def __init__(self, hub: FakeHub) -> None:
        super().__init__(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
        self._hub = hub
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        """What HF_ENDPOINT must name."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""

    def stop(self) -> None:
        """End the server and whatever it holds back."""
        self._hub.release.set()
        self.shutdown()
        self.server_close()


def _is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin"))


def _tag(name: str, content: bytes) -> str:
    if _is_large(name):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _sibling(name: str, content: bytes) -> dict[str, object]:
    facts: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": "0" * 40}
    if _is_large(name):
        lfs = {"sha256": _tag(name, content), "size": len(content), "pointerSize": 130}
        facts["lfs"] = lfs
    return facts
