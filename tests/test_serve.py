"""The server: it answers as ``Run.predict`` does, takes no more than it may, and keeps nothing."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import headstart as hs
from conftest import draw, draw_log
from headstart.backbones import resolve
from headstart.cli import run as run_command
from headstart.errors import ArtifactError, ConfigError, MissingExtraError
from headstart.features.engines import TorchEngine
from headstart.machine import cache_folder
from headstart.run import Run
from headstart.serve.batches import Gathered
from headstart.serve.extra import refuse_without_extra
from headstart.serve.limits import Limits
from headstart.serve.pool import BusyError, Job, Pool
from headstart.serve.server import Server, _bound, key_from
from serving import answer_of, asking, by_hand, in_base64, serving

KEY = "a-key-of-twenty-four-let"
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
SMALL = Limits(body=0.3, unpacked=1, items=5, queue=8, seconds=2)


@pytest.fixture(scope="module")
def folders(run_folder: Path, text_run: Path, row_run: Path) -> dict[str, Path]:
    """Runs on pictures, texts and rows of numbers."""
    return {"photos": run_folder, "reviews": text_run, "rows": row_run}


@pytest.fixture(scope="module")
def server(folders: dict[str, Path]) -> Iterator[Server]:
    """All three, with the limits that users have."""
    with serving(*(f"{name}={folder}" for name, folder in folders.items())) as started:
        yield started


@pytest.fixture(scope="module")
def strict(run_folder: Path) -> Iterator[Server]:
    """One model, one thread, and limits that are soon reached."""
    with serving(run_folder, limits=SMALL, workers=1, key=KEY) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with asking(server) as opened:
        yield opened


@pytest.fixture
def known(strict: Server) -> Iterator[httpx.Client]:
    with asking(strict, headers={"X-API-Key": KEY}) as opened:
        yield opened


@pytest.fixture(scope="module")
def pictures(photos: Path) -> list[Path]:
    return [
        p for name in ("disc", "stripes", "chequers") for p in sorted((photos / name).iterdir())
    ]


def sent(paths: list[Path]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", (path.name, path.read_bytes())) for path in paths]


def said(answer: httpx.Response, status: int) -> str:
    """What a refusal says: always what is wrong and the mend, as JSON."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"error", "hint"} and told["error"] and told["hint"]
    return f"{told['error']} {told['hint']}"


def same(answers: list[dict[str, Any]], wanted: list[hs.Prediction], near: float = 0.0) -> None:
    """Hold answers to what ``Run.predict`` gives, but for names."""
    assert len(answers) == len(wanted)
    for got, want in zip(answers, wanted, strict=True):
        for field in ("predicted", "unfamiliar", "abstained", "error"):
            assert got[field] == getattr(want, field)
        assert got["labels"] == (None if want.labels is None else list(want.labels))
        if want.probabilities is None:
            assert got["probabilities"] is got["confidence"] is None
        else:
            assert got["probabilities"] == pytest.approx(want.probabilities, abs=near, rel=0)
            assert got["confidence"] == pytest.approx(want.confidence, abs=near, rel=0)


# ---- answers -----------------------------------------------------------------------------------


def test_pictures_are_answered_for_as_predict_does(client, folders, pictures) -> None:
    mixed = [*pictures[::4], pictures[0]]
    wanted = Run(folders["photos"]).predict(mixed)
    answer = client.post("/models/photos/predict", files=sent(mixed)).json()
    assert answer["model"] == "photos"
    same(answer["predictions"], wanted)
    assert [one["path"] for one in answer["predictions"]] == [path.name for path in mixed]
    items = [{"base64": in_base64(path), "name": path.name} for path in mixed]
    again = client.post("/predict", params={"model": "photos"}, json={"items": items}).json()
    assert again == answer
    bare = client.post("/models/photos/predict", json={"items": [in_base64(mixed[0])]}).json()
    same(bare["predictions"], Run(folders["photos"]).predict(mixed[:1]))
    assert bare["predictions"][0]["path"] == "image 1"


def test_texts_are_answered_for_as_predict_does(client, folders) -> None:
    texts = ["good good food", "bad room", "good", "very slow and bad bad 3", "好", "a\0b"]
    wanted = Run(folders["reviews"]).predict(texts)
    for answer in (
        client.post("/models/reviews/predict", json={"texts": texts}),
        client.post("/models/reviews/predict", files=[("text", (None, text)) for text in texts]),
    ):
        same(answer.json()["predictions"], wanted, near=1e-5)
    told = client.post("/models/reviews/predict", json={"texts": ["good", " "]}).json()
    assert told["predictions"][0]["error"] == ""
    assert told["predictions"][1]["error"] == "an empty text"
    named = client.post("/models/reviews/predict", files=[("file", ("a.txt", b"good food"))])
    assert named.json()["predictions"][0]["path"] == "a.txt"


def test_a_text_that_names_a_file_of_the_server_is_a_text(client, folders) -> None:
    name = str(folders["photos"] / "split.json")
    told = client.post("/models/reviews/predict", json={"texts": [name]}).json()
    assert told["predictions"][0]["error"] == ""
    same(told["predictions"], Run(folders["reviews"]).predict([name + " "]), near=1e-5)


def test_rows_are_answered_for_as_predict_does(client, folders) -> None:
    rows = [[0.1, 0, -0.2, 0.3], [1, 1.2, 0.8, 1], [0.5, 0.4, 0.6, 0.5]]
    wanted = Run(folders["rows"]).predict(np.array(rows))
    mixed = [dict(zip("abcd", row, strict=True)) for row in rows]
    turned = [row[::-1] for row in rows]
    for body in ({"rows": rows}, {"rows": mixed}, {"rows": turned, "columns": list("dcba")}):
        same(client.post("/models/rows/predict", json=body).json()["predictions"], wanted)
    told = client.post("/models/rows/predict", json={"rows": [[1, None, 2, 3], rows[0]]}).json()
    assert told["predictions"][0]["error"] == "a value is missing or infinite"
    same(told["predictions"][1:], wanted[:1], near=1e-12)
    far = client.post(
        "/models/rows/predict", json={"rows": [[1e300, 0, 0, 0], [1e38] * 4, rows[0]]}
    )
    first, second, third = (one["error"] for one in far.json()["predictions"])
    assert first == "a value is missing or infinite"
    assert second == "" or "out of all bounds" in second
    assert third == ""


def test_models_are_described(client) -> None:
    listed = client.get("/models").json()["models"]
    assert [one["name"] for one in listed] == ["photos", "reviews", "rows"]
    assert [one["takes"] for one in listed] == [["items"], ["items", "texts"], ["rows"]]
    assert client.get("/models/rows").json()["columns"] == list("abcd")
    assert "no such model" in said(client.get("/models/none"), 404)
    several = said(client.post("/predict", json={"texts": ["x"]}), 400)
    assert "photos, reviews, rows" in several


def test_refusals_come_in_the_language_that_is_asked_for(client, pictures) -> None:
    chinese = {"Accept-Language": "fr, zh-CN;q=0.9, en;q=0.1"}
    assert "没有这个模型" in said(client.get("/models/none", headers=chinese), 404)
    assert "no such model" in said(client.get("/models/none"), 404)
    files = [("file", ("a.jpg", b"no")), *sent(pictures[:1])]
    for headers, reason in (({}, "not an image"), (chinese, "不是图片")):
        answer = client.post("/models/photos/predict", files=files, headers=headers).json()
        assert reason in answer["predictions"][0]["error"]
        assert answer["predictions"][1]["error"] == ""


# ---- examples that are none --------------------------------------------------------------------


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def test_what_cannot_be_read_is_said_beside_the_others(client, folders, pictures) -> None:
    rng = np.random.default_rng(0)
    frames = [draw(kind, rng) for kind in range(3)]
    png = encoded(frames[0], "PNG")
    bad = {
        "nothing.jpg": b"",
        "words.jpg": b"these are words",
        "half.png": png[: len(png) // 2],
        "page.svg": b"<svg><script>alert(1)</script></svg>",
        "moves.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
    }
    files = [("file", item) for item in bad.items()]
    answers = client.post("/models/photos/predict", files=files).json()["predictions"]
    same(answers, Run(folders["photos"]).predict(list(bad.values())))
    assert [bool(one["error"]) for one in answers] == [True, True, True, True, False]


def test_a_picture_too_large_once_unpacked_is_not_unpacked(strict, known, pictures) -> None:
    wide = encoded(Image.new("L", (4000, 4000)), "PNG")
    assert len(wide) < 50_000
    answers = known.post("/predict", files=[("f", ("wide.png", wide)), *sent(pictures[:2])])
    first, *rest = answers.json()["predictions"]
    assert "too large once it is unpacked: the limit is 1 MB" in first["error"]
    same(rest, strict.models[next(iter(strict.models))].run.predict(pictures[:2]))


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a\nb.jpg", "<script>alert(1)</script>.jpg", "猫.jpg", "x" * 3000, ""],
    ids=["path", "newline", "script", "chinese", "long", "empty"],
)
def test_names_of_files_are_names_and_nothing_else(client, pictures, name: str, caplog) -> None:
    body = {"items": [{"base64": in_base64(pictures[0]), "name": name}]}
    answer = client.post("/models/photos/predict", json=body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    path = answer.json()["predictions"][0]["path"]
    assert path == (name[:255] or "image 1")
    assert not name or name not in caplog.text


# ---- requests that are none --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"items": []}, 422, "no example"),
        ({"items": "x"}, 422, "no list"),
        ({"items": ["?"]}, 422, "not base64"),
        ({"items": ["é"]}, 422, "not base64"),
        ({"items": [{"url": "http://localhost/cat.jpg"}]}, 422, "no file in base64"),
        ({"items": [3]}, 422, "no file in base64"),
        ({"texts": ["x"]}, 422, "takes images"),
        ({"rows": [[1]]}, 422, "takes images"),
        ({"url": "http://localhost/cat.jpg"}, 422, "keys url"),
        ({"items": ["aaaa"], "texts": ["x"]}, 422, "Give one of these"),
        ({}, 422, "Give one of these"),
        ([1], 400, "no JSON object"),
        ({"items": ["aaaa"] * 65}, 422, "65 examples are too many"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_document_is_refused(client, body: Any, status: int, words: str) -> None:
    assert words in said(client.post("/models/photos/predict", json=body), status)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"rows": [[1, 2, 3]]}, "no list of 4 numbers"),
        ({"rows": [{"a": 1}]}, "lacks column 'b'"),
        ({"rows": [[1, 2, 3, "x"]]}, "no number"),
        ({"rows": [[1, 2, 3, True]]}, "no number"),
        ({"rows": [[1, 2, 3, 10**400]]}, "no number"),
        ({"rows": [[1, 2, 3, 4]], "columns": "abcd"}, "no list of names"),
        ({"rows": [[1, 2, 3, 4]], "columns": ["a", "b", "c", "e"]}, "lacks column 'd'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_rows_are_refused(client, body: Any, words: str) -> None:
    assert words in said(client.post("/models/rows/predict", json=body), 422)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b'{"items": [NaN]}', 400),
        ("application/json", b"\xff\xfe", 400),
        ("application/json", b"[" * 100_000, 400),
        ("application/json", b'{"rows": [' + b"9" * 5000 + b"]}", 400),
        ("image/jpeg", b"\xff\xd8", 415),
        ("", b"x", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"x", 400),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 422),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\n", 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_is_none_is_refused(client, kind: str, body: bytes, status: int) -> None:
    headers = {"Content-Type": kind} if kind else {}
    said(client.post("/models/photos/predict", content=body, headers=headers), status)


def test_addresses_and_methods_that_are_none(client) -> None:
    said(client.get("/nothing/../../etc/passwd"), 404)
    refused = client.get("/predict")
    assert "does not take that method" in said(refused, 405)
    assert "POST" in refused.headers["allow"]
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert "Another site" in said(client.post("/predict", json={}, headers=cross), 403)


# ---- the key, and how much ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": "wrong"},
        {"X-API-Key": KEY[:-1]},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer é".encode("latin-1")},
    ],
    ids=str,
)
def test_without_the_key_nothing_is_told(strict, headers: dict[str, Any]) -> None:
    with asking(strict) as stranger:
        for address in ("/models", "/metrics", "/openapi.json", "/nothing"):
            refused = stranger.get(address, headers=headers)
            assert "key is missing or wrong" in said(refused, 401)
            assert refused.headers["www-authenticate"] == "Bearer"
        said(stranger.post("/predict", headers=headers, json={"items": [""]}), 401)
        for address in ("/health", "/ready"):
            assert stranger.get(address).json() == {"status": "ok"}


def test_with_the_key_all_is_answered(strict, pictures) -> None:
    with asking(strict) as owner:
        for headers in ({"X-API-Key": KEY}, {"Authorization": f"bearer {KEY}"}):
            assert owner.post("/predict", files=sent(pictures[:1]), headers=headers).json()


def test_a_key_is_read_and_held_to_be_one(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HEADSTART_KEY", KEY)
    assert key_from(None) == KEY
    (tmp_path / "key").write_text(f"{KEY}-of-the-file\n")
    assert key_from(tmp_path / "key") == f"{KEY}-of-the-file"
    for wrong, words in (("short", "5 characters"), ("ключ" * 8, "cannot bring"), ("", "0 char")):
        (tmp_path / "key").write_text(wrong)
        with pytest.raises(ConfigError, match=words):
            key_from(tmp_path / "key")
    monkeypatch.delenv("HEADSTART_KEY")
    assert key_from(None) == ""


def test_a_body_that_is_too_large_is_refused_before_it_is_read(strict, known) -> None:
    refused = known.post("/predict", content=b"x" * 400_000, headers={"Content-Type": "x/y"})
    assert "larger than 0.3 MB" in said(refused, 413)
    head = HEAD + f"X-API-Key: {KEY}\r\nContent-Length: 9999999999\r\n\r\n".encode()
    with by_hand(strict, head) as connection:
        assert answer_of(connection).startswith(b"HTTP/1.1 413")


def test_a_body_without_an_end_is_refused(strict) -> None:
    head = HEAD + f"X-API-Key: {KEY}\r\nContent-Type: application/json\r\n".encode()
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with by_hand(strict, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 8) as connection:
        told = answer_of(connection)
    assert told.startswith(b"HTTP/1.1 413") and b"larger than 0.3 MB" in told


def test_too_many_files_are_refused(known, pictures) -> None:
    assert "6 examples are too many" in said(known.post("/predict", files=sent(pictures[:6])), 422)
    said(known.post("/predict", files=sent(pictures[:1]) * 9), 422)


def test_who_sends_letter_by_letter_is_not_waited_for(strict) -> None:
    body = HEAD + f"X-API-Key: {KEY}\r\nContent-Type: application/json\r\n".encode()
    with (
        by_hand(strict, HEAD) as slow_head,
        by_hand(strict) as silent,
        by_hand(strict, body + b"Content-Length: 100\r\n\r\n{") as slow_body,
    ):
        for letter in (b"a", b"b", b"c"):
            time.sleep(0.3)
            slow_head.sendall(letter)
            slow_body.sendall(b" ")
        assert answer_of(slow_body).startswith(b"HTTP/1.1 408")
        assert answer_of(slow_head) == answer_of(silent) == b""


def test_a_rate_is_held_per_address(run_folder: Path, pictures) -> None:
    with serving(run_folder, limits=Limits(rate=3), workers=1) as limited, asking(limited) as one:
        for _ in range(3):
            assert one.post("/predict", files=sent(pictures[:1])).status_code == 200
        refused = one.post("/predict", files=sent(pictures[:1]))
        assert "More than 3 requests a minute" in said(refused, 429)
        assert 1 <= int(refused.headers["retry-after"]) <= 21
        assert one.get("/health").status_code == 200


# ---- many at once ------------------------------------------------------------------------------


def test_a_thousand_at_once_are_answered_or_refused(run_folder: Path, pictures) -> None:
    data = pictures[1].read_bytes()

    async def ask(address: str) -> Counter[int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as many:

            async def one() -> int:
                answer = await many.post("/predict", files={"file": ("a.png", data)})
                if answer.status_code == 503:
                    assert int(answer.headers["retry-after"]) >= 1
                    assert "Too many" in answer.json()["error"]
                return answer.status_code

            return Counter(await asyncio.gather(*(one() for _ in range(1000))))

    with serving(run_folder, limits=Limits(items=5, queue=8), workers=1) as busy:
        found = asyncio.run(ask(busy.address))
    assert set(found) == {200, 503}
    assert found[200] >= 8


def test_who_has_gone_is_not_computed_for(strict, known, pictures) -> None:
    """With the only thread held up, what waits can be seen, and seen to go."""
    held, go = threading.Event(), threading.Event()
    blocker: Job[Any] = Job(1, lambda own: (held.set(), go.wait(20)))
    strict.pool.submit([blocker])
    assert held.wait(20)
    try:
        form = (
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nx\r\n--b--\r\n'
        )
        head = HEAD + f"X-API-Key: {KEY}\r\nContent-Length: {len(form)}\r\n".encode()
        kind = b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        with by_hand(strict, head + kind + form):
            until(lambda: strict.pool.waiting == 1)
        until(lambda: strict.pool.waiting == 0)
        filler: list[Job[Any]] = [Job(1, lambda own: None) for _ in range(SMALL.queue)]
        strict.pool.submit(filler)
        refused = known.post("/predict", files=sent(pictures[:1]))
        assert "Too many requests" in said(refused, 503)
        assert int(refused.headers["retry-after"]) >= 1
        strict.pool.cancel(filler)
        late = known.post("/predict", files=sent(pictures[:1]))
        assert "longer than 2 seconds" in said(late, 503)
        assert strict.pool.waiting == 0
    finally:
        go.set()
    assert known.post("/predict", files=sent(pictures[:1])).status_code == 200
    assert "headstart_clients_gone_total 1.0" in known.get("/metrics").text


def until(true: Any) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be")


def test_a_pool_takes_all_or_nothing_and_ends_in_order() -> None:
    pool: Pool[list[int]] = Pool(1, 3, list)
    pool.start()
    go, done = threading.Event(), []
    first: Job[list[int]] = Job(1, lambda own: go.wait(20))
    pool.submit([first])
    until(lambda: pool.waiting == 0)
    rest: list[Job[list[int]]] = [Job(1, done.append) for _ in range(3)]
    pool.submit(rest[:2])
    with pytest.raises(BusyError):
        pool.submit([rest[2], rest[2]])
    assert pool.waiting == 2
    pool.cancel(rest[:1])
    assert pool.waiting == 1
    go.set()
    pool.close()
    assert done == [[]], "what waited was finished, what was cancelled was not"
    with pytest.raises(BusyError):
        pool.submit(rest[2:])


def test_a_thread_that_cannot_start_is_told() -> None:
    def prepare() -> None:
        raise ArtifactError("no")

    with pytest.raises(ArtifactError):
        Pool(2, 1, prepare).start()


def test_a_fault_of_ours_is_told_without_what_was_sent(strict, known, monkeypatch, caplog) -> None:
    def fail(*given: object) -> None:
        raise ZeroDivisionError("secret contents")

    (served,) = strict.models.values()
    monkeypatch.setattr(served, "examples", fail)
    told = known.post("/predict", json={"items": [""]})
    assert told.headers["x-request-id"] in said(told, 500)
    until(lambda: faults(caplog))  # the line is written once the answer has gone
    (line,) = faults(caplog)
    assert line["fault"].startswith("ZeroDivisionError at test_serve.py:")
    assert "secret" not in told.text + str(line)


def faults(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    told = (one.msg for one in caplog.records if isinstance(one.msg, dict))
    return [line for line in told if "fault" in line]


def test_what_comes_together_goes_through_an_accelerator_together(small: str) -> None:
    backbone = resolve(small).load()
    engine = TorchEngine(backbone, "float32")
    engine.batch_size, passes = 8, []
    replica = engine.replica
    monkeypatched = replica()
    engine.replica = lambda: lambda fed: passes.append(len(fed)) or monkeypatched(fed)  # type: ignore[method-assign]
    drawn, gathered = backbone.card.look.drawn(20), Gathered(engine)
    forward = gathered.replica()
    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(lambda one: forward(one[None]), drawn))
    assert set(passes) == {8} and len(passes) < 20, "few passes, all of one shape"
    assert np.allclose(np.concatenate(found), monkeypatched(drawn), atol=1e-4)
    with pytest.raises(RuntimeError):
        forward(np.zeros((1, 2, 2, 7), np.uint8))
    assert np.allclose(forward(drawn[:1]), found[0], atol=1e-4), "one fault stops nothing"


# ---- what stays behind -------------------------------------------------------------------------


def test_nothing_of_a_request_is_kept(server, client, pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    large = encoded(Image.effect_noise((1400, 1400), 90), "PNG")
    assert len(large) > 1_500_000  # of which a form would be written to the disk
    before = stored()
    files = [("file", ("large.png", large)), *sent(pictures[:2])]
    assert client.post("/models/photos/predict", files=files).status_code == 200
    assert (
        client.post("/models/reviews/predict", json={"texts": ["secret good"]}).status_code == 200
    )
    assert stored() == before
    assert list(tmp_path.iterdir()) == []


def stored() -> dict[str, int]:
    """Files of the cache, with their sizes; a database that is merely opened stays as it is."""
    return {str(p): p.stat().st_size for p in cache_folder().rglob("*") if p.is_file()}


def test_all_is_counted(server, client, pictures) -> None:
    def count(line: str) -> float:
        found = [one for one in client.get("/metrics").text.splitlines() if one.startswith(line)]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    route = 'headstart_requests_total{route="/models/{name}/predict",status="200"}'
    read = 'headstart_examples_total{model="photos",outcome="answered"}'
    unread = 'headstart_examples_total{model="photos",outcome="unreadable"}'
    before = [count(line) for line in (route, read, unread)]
    files = [*sent(pictures[:2]), ("file", ("no.jpg", b"no"))]
    assert client.post("/models/photos/predict", files=files).status_code == 200
    client.get("/of/nobody/asked")
    after = [count(line) for line in (route, read, unread)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 2, 1]
    assert count("headstart_queue_examples") == 0
    assert "nobody" not in client.get("/metrics").text


# ---- the command -------------------------------------------------------------------------------


def test_the_command_serves_logs_without_contents_and_ends_in_order(
    run_folder: Path, pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY)
    line = ["serve", f"shapes={run_folder}", "--port", "0", "--key-file", str(tmp_path / "key")]
    code = f"import sys; sys.argv[1:] = {line}; from headstart.cli import main; main()"
    started = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stderr is not None
    while "shapes at http" not in (told := started.stderr.readline()):
        assert told, "it ended"
    address = told.split()[2]
    with httpx.Client(base_url=address, headers={"X-API-Key": KEY}, timeout=30) as one:
        until(lambda: answers(one))
        files = [("file", ("my-secret.png", pictures[1].read_bytes()))]
        (found,) = one.post("/predict", files=files).json()["predictions"]
        assert found["predicted"] == "disc"
    started.send_signal(signal.SIGTERM if os.name != "nt" else signal.CTRL_C_EVENT)
    out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (0, "")
    lines = [json.loads(one) for one in err.splitlines() if one.startswith("{")]
    told_of = [one for one in lines if one["route"] == "/predict"]
    assert [(one["status"], one["level"]) for one in told_of] == [(200, "info")]
    assert "secret" not in err and KEY not in err and "127.0.0.1" not in err


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--queue", "3"], "--max-items 64 is more than --queue 3"),
        (["--max-body", "0"], "--max-body 0 is too little"),
        (["--timeout", "nan"], "--timeout nan is too little, or no number"),
        (["--rate", "-1"], "--rate -1 is too little"),
        (["--workers", "0"], "--workers 0 is less than 1"),
        (["--port", "99999"], "cannot be listened on"),
        (["--host", "203.0.113.7"], "cannot be listened on"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(headstart, run_folder, options, words) -> None:
    headstart("serve", run_folder, *options).refused(words)


def test_runs_that_cannot_be_served_are_refused(headstart, run_folder, tmp_path: Path) -> None:
    headstart("serve", tmp_path / "nowhere").refused("There is no run folder")
    headstart("serve", run_folder, run_folder).refused("Two runs are called 'photos'", "NAME=RUN")
    headstart("serve", f"a/b={run_folder}").refused("cannot be the name of a model")
    log = draw_log(tmp_path / "books.csv", seed=0, prefix="b")
    assert run_command(["recommend", str(log), "--out", str(tmp_path / "shop")]) == 0
    headstart("serve", tmp_path / "shop").refused("`recommend`", "headstart.RecommendRun")


def test_an_address_in_use_is_refused(headstart, strict, run_folder) -> None:
    port = strict.address.rpartition(":")[2]
    headstart("serve", run_folder, "--port", port).refused("cannot be listened on", "--port")


def test_an_extra_that_is_not_installed_is_named(monkeypatch) -> None:
    monkeypatch.setattr("headstart.serve.extra.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[serve\]'"):
        refuse_without_extra()


def test_who_listens_elsewhere_without_a_key_is_warned(headstart, run_folder, monkeypatch) -> None:
    monkeypatch.setattr(Server, "run", lambda self: (self.pool.close(), self._socket.close()))
    monkeypatch.delenv("HEADSTART_KEY", raising=False)
    open_to_all = headstart("serve", run_folder, "--host", "0.0.0.0", "--port", "0")
    assert "there is no key" in open_to_all.err
    assert "there is no key" not in headstart("serve", run_folder, "--port", "0").err
    monkeypatch.setenv("HEADSTART_KEY", KEY)
    assert "no key" not in headstart("serve", run_folder, "--host", "0.0.0.0", "--port", "0").err


# ---- the documentation -------------------------------------------------------------------------

PAGE = Path(__file__).parents[1] / "docs" / "serve.md"


def test_what_the_documentation_asks_is_answered(server, run_folder, photos, tmp_path) -> None:
    (tmp_path / "new").mkdir()
    for name, kind in (("a.png", "disc"), ("b.png", "stripes")):
        shutil.copy(next((photos / kind).glob("*.png")), tmp_path / "new" / name)
    page = PAGE.read_text("utf-8")
    with serving(f"photos={run_folder}") as one:
        page = page.replace("http://127.0.0.1:8000", one.address)
        typed = re.findall(r"^```bash\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        assert len(typed) == 3
        for line in typed:
            ran = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True)
            told = json.loads(ran.stdout)
            if "outputs" in told:
                assert told["outputs"][0]["data"] == ["disc"]
            else:
                assert told["predictions"][0]["predicted"] == "disc"
                shown = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
                assert list(told["predictions"][0]) == list(json.loads(shown[0])["predictions"][0])
        code = next(
            c for c in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "urlopen" in c
        )
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
        )
        assert [line.split()[:2] for line in ran.stdout.splitlines()] == [
            ["a.png", "disc"],
            ["b.png", "stripes"],
        ]
        addresses = re.findall(
            r"`(?:POST )?(/[^`?]*)`", page.partition("| Address |")[2].partition("\n\n")[0]
        )
        described = httpx.get(f"{one.address}/openapi.json").json()["paths"]
    there = {address.replace("{name}", "NAME") for address in described}
    assert there == set(addresses) - {"/", "/openapi.json"}


def test_answers_are_sent_at_once() -> None:
    """Asyncio turns off Nagle's algorithm only for sockets that are named as TCP."""
    with _bound("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as taken:
            assert taken.proto == socket.IPPROTO_TCP
