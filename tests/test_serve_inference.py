"""The Open Inference Protocol, and the description of all addresses, held to what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from headstart.run import Run
from headstart.serve.limits import Limits
from headstart.serve.server import Server
from serving import asking, in_base64, serving


@pytest.fixture(scope="module")
def server(run_folder: Path, text_run: Path, row_run: Path) -> Iterator[Server]:
    runs = (f"photos={run_folder}", f"reviews={text_run}", f"rows={row_run}")
    with serving(*runs, limits=Limits(body=2, items=8, seconds=20)) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with asking(server) as opened:
        yield opened


@pytest.fixture(scope="module")
def pictures(photos: Path) -> list[Path]:
    return [next((photos / name).glob("*.png")) for name in ("chequers", "disc", "stripes")]


def asked(datatype: str, shape: list[int], data: list[Any], **more: Any) -> dict[str, Any]:
    tensor = {"name": "input", "datatype": datatype, "shape": shape, "data": data}
    return {"inputs": [tensor], **more}


def outputs(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["outputs"]}


def test_server_and_models_are_described(client) -> None:
    assert client.get("/v2").json()["name"] == "headstart"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/rows/ready").json() == {"name": "rows", "ready": True}
    rows = client.get("/v2/models/rows").json()
    assert rows["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 4]}]
    assert client.get("/v2/models/photos").json()["inputs"][0]["datatype"] == "BYTES"
    for address in ("/v2/models/none", "/v2/models/none/ready"):
        assert client.get(address).status_code == 404


def test_files_in_base64_are_answered_for_as_predict_does(client, run_folder, pictures) -> None:
    wanted = Run(run_folder).predict(pictures)
    body = asked("BYTES", [3], [in_base64(path) for path in pictures], id="one")
    answer = client.post("/v2/models/photos/infer", json=body)
    assert (answer.json()["id"], answer.json()["model_name"]) == ("one", "photos")
    found = outputs(answer)
    assert found["predicted"]["data"] == [one.predicted for one in wanted]
    assert found["unfamiliar"]["data"] == [one.unfamiliar for one in wanted]
    shares = np.array(found["probabilities"]["data"]).reshape(found["probabilities"]["shape"])
    names = found["probabilities"]["parameters"]["classes"]
    for row, one in zip(shares, wanted, strict=True):
        assert dict(zip(names, row, strict=True)) == one.probabilities
    some = client.post("/v2/models/photos/infer", json=body | {"outputs": [{"name": "predicted"}]})
    assert list(outputs(some)) == ["predicted"]


def test_pixels_are_answered_for_as_predict_does(client, run_folder, pictures) -> None:
    arrays = [np.asarray(Image.open(path).convert("RGB")) for path in pictures]
    wanted = Run(run_folder).predict(arrays)
    for shape, pixels in (([96, 96, 3], arrays[0]), ([3, 96, 96, 3], np.stack(arrays))):
        for data in (pixels.tolist(), pixels.ravel().tolist()):
            found = outputs(
                client.post("/v2/models/photos/infer", json=asked("UINT8", shape, data))
            )
            confidence = found["confidence"]["data"]
            expected = [one.confidence for one in wanted[: len(confidence)]]
            assert confidence == pytest.approx(expected, abs=1e-12)


def test_texts_and_numbers_are_answered_for(client, text_run, row_run) -> None:
    texts = ["good food", "bad room"]
    found = outputs(client.post("/v2/models/reviews/infer", json=asked("BYTES", [2], texts)))
    assert found["predicted"]["data"] == [one.predicted for one in Run(text_run).predict(texts)]
    row = np.array([[0.1, 0.2, 0.3, 0.4]])
    for data in (row.tolist(), row.ravel().tolist()):
        found = outputs(client.post("/v2/models/rows/infer", json=asked("FP32", [1, 4], data)))
        (wanted,) = Run(row_run).predict(row)
        assert found["confidence"]["data"] == [pytest.approx(wanted.confidence, abs=1e-12)]


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        ("photos", {}, "with one input"),
        ("photos", {"inputs": []}, "with one input"),
        ("photos", asked("BYTES", [1], ["aaaa"], id=3), "with one input"),
        ("photos", asked("BYTES", [1], ["aaaa"], outputs=[{"name": "x"}]), "no output 'x'"),
        ("photos", asked("BYTES", [2], ["aaaa"]), "do not fill the shape"),
        ("photos", asked("BYTES", [1], ["?"]), "not base64"),
        ("photos", asked("BYTES", [1], [3]), "holds no images"),
        ("photos", asked("BYTES", [1], ["aaaa"]), "image 1 cannot be read: not an image"),
        ("photos", asked("BYTES", [-1], ["aaaa"]), "no tensor"),
        ("photos", asked("FP32", [1, 4], [1, 2, 3, 4]), "holds no images"),
        ("photos", asked("UINT8", [2, 2, 3], [300] * 12), "holds other values"),
        ("photos", asked("UINT8", [2, 2, 3], [1] * 11), "do not fill"),
        ("photos", asked("UINT8", [0, 2, 3], []), "holds no images"),
        ("photos", asked("UINT8", [7], [1] * 7), "holds no images"),
        ("rows", asked("FP64", [1, 3], [1, 2, 3]), "no list of 4 numbers"),
        ("rows", asked("BYTES", [1], ["x"]), "holds no rows"),
        ("reviews", asked("BYTES", [1], [7]), "no string"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_wrong_tensors_are_refused(client, model: str, body: Any, words: str) -> None:
    refused = client.post(f"/v2/models/{model}/infer", json=body)
    assert refused.status_code == 422, refused.text
    assert words in refused.json()["error"]


def test_too_many_rows_are_refused(client) -> None:
    refused = client.post("/v2/models/rows/infer", json=asked("FP64", [9, 4], [0] * 36))
    assert refused.status_code == 422 and "too many" in refused.json()["error"]


def holding(left_out: Any) -> Any:
    def hold(case: Any) -> None:
        case.call_and_validate(excluded_checks=left_out)

    return hold


@pytest.mark.parametrize("which", ["run_folder", "text_run", "row_run"])
def test_the_description_is_what_the_server_does(which: str, request) -> None:
    """Schemathesis makes up requests by the description, and holds answers to it."""
    import schemathesis
    from hypothesis import HealthCheck, given, settings
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS

    bounded = settings(
        max_examples=10,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with serving(request.getfixturevalue(which), limits=Limits(body=2, items=8)) as one:
        document = httpx.get(f"{one.address}/openapi.json").json()
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=one.address)
        operations = [found.ok() for found in schema.get_all_operations()]
        for operation in operations:
            # What a tensor has to hold depends on its own shape, which no schema can say.
            more = ["positive_data_acceptance"] if operation.path.endswith("/infer") else []
            left_out = CHECKS.get_by_names(more)

            # Without a body or a name there is nothing to be wrong.
            modes = (
                list(GenerationMode) if operation.method == "post" else [GenerationMode.POSITIVE]
            )
            for mode in modes:
                bounded(given(operation.as_strategy(mode))(holding(left_out)))()
    assert len(operations) == 13
