"""Weights that cannot be had: told in seconds, with the way to bring them by hand."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from headstart.backbones import downloads
from headstart.backbones.downloads import refuse_unreachable
from headstart.errors import BackboneError

SOON = 5.0
LOAD = (
    "import sys, time, timm, torch, torchvision, huggingface_hub; "
    "from headstart.backbones import resolve, available; from headstart.errors import *\n"
    "start = time.perf_counter()\n"
    "try: print('loaded', resolve(sys.argv[1]).load().card.dim)\n"
    "except HeadstartError as e: print(e.message, '|', e.hint)\n"
    "print(f'{time.perf_counter() - start:.1f}')"
)


@pytest.fixture
def swallower() -> Iterator[str]:
    """Take connections and never answer, as a firewall or a broken proxy does."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(20)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def load(name: str, **environment: str) -> tuple[str, float]:
    """Load a backbone in a process of its own, for the hub's client reads its settings once."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, name],
        env={**os.environ, "HF_HUB_OFFLINE": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    said, _, seconds = done.stdout.strip().rpartition("\n")
    assert done.returncode == 0, done.stderr
    return said, float(seconds)


def test_a_hub_that_never_answers(swallower: str) -> None:
    said, seconds = load("timm:resnet18.a1_in1k", HF_ENDPOINT=swallower)
    assert seconds < SOON
    assert "not on this machine and could not be downloaded" in said
    assert "fetch model.safetensors of timm/resnet18.a1_in1k" in said
    assert "--backbone 'file:model.safetensors#timm:resnet18.a1_in1k'" in said


def test_a_proxy_that_never_answers(swallower: str, tmp_path: Path) -> None:
    away = {"https_proxy": swallower, "HTTPS_PROXY": swallower, "no_proxy": "", "NO_PROXY": ""}
    said, seconds = load("torchvision:resnet18", TORCH_HOME=str(tmp_path), **away)
    assert seconds < SOON
    assert "not on this machine and could not be downloaded" in said
    assert f"copy it to {tmp_path / 'hub' / 'checkpoints'}" in said


def test_what_is_in_the_cache_is_loaded_without_asking(swallower: str, tmp_path: Path) -> None:
    repository = timm.get_pretrained_cfg("test_resnet.r160_in1k").hf_hub_id
    home = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    (home / "snapshots" / ("0" * 40)).mkdir(parents=True)
    weights = timm.create_model("test_resnet").state_dict()
    save_file(weights, home / "snapshots" / ("0" * 40) / "model.safetensors")
    asked = {"HF_ENDPOINT": swallower, "HF_HOME": str(tmp_path)}
    said, seconds = load("timm:test_resnet.r160_in1k", **asked)
    assert said.startswith("loaded ")
    assert seconds < SOON


def test_a_name_that_is_never_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> None:
        over.wait(20)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    start = time.perf_counter()
    with pytest.raises(BackboneError, match=r"weights\.example has not answered") as refused:
        refuse_unreachable("timm:x", "https://weights.example/x.safetensors", "carry it.")
    assert time.perf_counter() - start < SOON
    assert refused.value.hint.endswith("Or bring them by hand: carry it.")
    over.set()


def test_a_port_that_nobody_listens_on() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BackboneError, match="ConnectionRefusedError"):
        refuse_unreachable("timm:x", f"http://127.0.0.1:{port}/x", "carry it.")


@pytest.mark.parametrize("status", [200, 302, 403, 404, 503])
def test_any_answer_lets_the_library_try(status: int) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.send_header("Location", "http://nowhere.invalid/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        refuse_unreachable("timm:x", f"http://127.0.0.1:{server.server_port}/x", "carry it.")
        thread.join()


def test_a_proxy_of_a_kind_that_is_not_spoken_is_left_to_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    refuse_unreachable("timm:x", "http://127.0.0.1:9/x", "carry it.")
