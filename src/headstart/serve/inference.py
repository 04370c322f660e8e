"""The Open Inference Protocol, version 2, as KServe, Triton and others speak it: over JSON.

References
----------
KServe, "Open Inference Protocol", REST: health, metadata and inference; its binary extension is not
spoken here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from numpy.typing import NDArray

from headstart._version import __version__
from headstart.data.items import Memory
from headstart.run import Prediction
from headstart.said import _, commas
from headstart.serve.bodies import Brought, decoded, in_json, named, refuse_number, rows, texts
from headstart.serve.desk import Desk, as_json
from headstart.serve.limits import Limits
from headstart.serve.refusals import Refusal
from headstart.serve.schema import ANY, INFER, INFERRED, refusals
from headstart.serve.served import Served

BYTES, UINT8 = "BYTES", "UINT8"
NUMBERS = (
    *("FP16", "FP32", "FP64", "BOOL"),
    *("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"),
)
"""Kinds of tensors that hold numbers."""
TAGS: Any = ["Open Inference Protocol"]


def add(app: FastAPI, desk: Desk) -> None:
    """Add the addresses of the protocol."""

    @app.get("/v2", responses={200: ANY}, tags=TAGS)
    async def server() -> Response:
        """Name the server."""
        return as_json({"name": "headstart", "version": __version__, "extensions": []})

    @app.get("/v2/health/live", responses={200: ANY}, tags=TAGS)
    async def live() -> Response:
        """Whether the server lives."""
        return as_json({"live": True})

    @app.get("/v2/health/ready", responses={200: ANY}, tags=TAGS)
    async def ready() -> Response:
        """Whether it answers."""
        return as_json({"ready": True})

    @app.get("/v2/models/{name}", responses={200: ANY, **refusals(404)}, tags=TAGS)
    async def model(name: str) -> Response:
        """Describe a model."""
        return as_json(described(desk.model(name)))

    @app.get("/v2/models/{name}/ready", responses={200: ANY, **refusals(404)}, tags=TAGS)
    async def model_ready(name: str) -> Response:
        """Whether a model answers."""
        return as_json({"name": desk.model(name).name, "ready": True})

    @app.post(
        "/v2/models/{name}/infer",
        openapi_extra=INFER,
        responses={200: INFERRED, **refusals(400, 404, 408, 413, 415, 422, 429, 503)},
        tags=TAGS,
    )
    async def infer(request: Request, name: str) -> Response:
        """Answer for one tensor of examples."""
        served = desk.model(name)
        read = partial(_asked, served=served, limits=desk.limits)
        asked, wanted, brought = await in_json(request, read)
        answers = await desk.predict(request, served, brought)
        unread = next((one for one in answers if one.error), None)
        if unread is not None:
            raise Refusal(
                422,
                _("{name} cannot be read: {cause}.", name=unread.path, cause=unread.error),
                _("Leave it out."),
            )
        outputs = [
            one for one in tensors(served, answers) if wanted is None or one["name"] in wanted
        ]
        found: dict[str, Any] = {"model_name": served.name, "outputs": outputs}
        return as_json(found if asked is None else found | {"id": asked})


def described(served: Served) -> dict[str, Any]:
    """Describe what a model takes and gives."""
    classes = len(served.run.classes)
    if "row" in served.kinds:
        taken = _tensor("input", "FP64", [-1, len(served.columns)])
    else:
        taken = _tensor("input", BYTES, [-1])
    given = (
        _tensor("predicted", BYTES, [-1]),
        _tensor("confidence", "FP64", [-1]),
        _tensor("probabilities", "FP64", [-1, classes]),
        _tensor("unfamiliar", "BOOL", [-1]),
    )
    return {
        "name": served.name,
        "platform": "headstart",
        "versions": [],
        "inputs": [taken],
        "outputs": list(given),
    }


def tensors(served: Served, answers: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Write answers as tensors."""
    n, classes = len(answers), served.run.classes
    shares = [(one.probabilities or {})[name] for one in answers for name in classes]
    found = [
        _tensor("predicted", BYTES, [n]) | {"data": [one.predicted for one in answers]},
        _tensor("confidence", "FP64", [n]) | {"data": [one.confidence for one in answers]},
        _tensor("probabilities", "FP64", [n, len(classes)])
        | {"data": shares, "parameters": {"classes": list(classes)}},
    ]
    if all(one.unfamiliar is not None for one in answers):
        strange = [one.unfamiliar for one in answers]
        found.append(_tensor("unfamiliar", "BOOL", [n]) | {"data": strange})
    if all(one.abstained is not None for one in answers):
        silent = [one.abstained for one in answers]
        found.append(_tensor("abstained", "BOOL", [n]) | {"data": silent})
    return found


def _tensor(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}


def _asked(
    document: dict[str, Any], served: Served, limits: Limits
) -> tuple[str | None, set[str] | None, Brought]:
    """Read a request: its id, the names of the outputs that it wants, and the examples."""
    asked, outputs = document.get("id"), document.get("outputs")
    inputs = document.get("inputs")
    named_outputs = outputs is None or (
        isinstance(outputs, list)
        and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in outputs)
    )
    one_input = isinstance(inputs, list) and len(inputs) == 1 and isinstance(inputs[0], dict)
    if not (asked is None or isinstance(asked, str)) or not named_outputs or not one_input:
        raise Refusal(
            422,
            _("The request is none of the Open Inference Protocol with one input."),
            _("`inputs` is a list of one tensor; `id` a string; `outputs` a list of names."),
        )
    assert inputs is not None
    wanted = None if outputs is None else {one["name"] for one in outputs}
    known = {one["name"] for one in described(served)["outputs"]} | {"abstained"}
    if wanted and not wanted <= known:
        raise Refusal(
            422,
            _("There is no output {name!r}.", name=sorted(wanted - known)[0][:100]),
            _("One of: {names}.", names=commas(sorted(known))),
        )
    return asked, wanted, _examples(inputs[0], served, limits)


def _examples(tensor: dict[str, Any], served: Served, limits: Limits) -> Brought:
    """Take the examples out of a tensor."""
    datatype, shape, data = (tensor.get(key) for key in ("datatype", "shape", "data"))
    whole = isinstance(shape, list) and all(
        isinstance(side, int) and not isinstance(side, bool) and side >= 0 for side in shape
    )
    if not whole or not isinstance(data, list) or not isinstance(datatype, str):
        raise Refusal(
            422,
            _("The input is no tensor."),
            _("Give its name, datatype, shape and data, as a list."),
        )
    assert isinstance(shape, list)
    if datatype == BYTES and "row" not in served.kinds:
        return _strings(_flat(data), shape, served, limits)
    if datatype in NUMBERS and "row" in served.kinds and len(shape) == 2:
        refuse_number(shape[0], limits)
        values = _flat(data)
        _refuse_size(len(values), shape)
        width = shape[1]
        return rows([values[k : k + width] for k in range(0, len(values), width)], None, served)
    if datatype == UINT8 and "file" in served.kinds:
        return _arrays(_flat(data), shape, served, limits)
    raise _no_such(served, datatype, shape)


def _strings(data: list[Any], shape: list[int], served: Served, limits: Limits) -> Brought:
    """Take strings: texts as they are, files in base64."""
    _refuse_size(len(data), shape)
    refuse_number(len(data), limits)
    if "cell" in served.kinds:
        return texts(data, served)
    if not all(isinstance(one, str) for one in data):
        raise _no_such(served, BYTES, shape)
    places = range(1, len(data) + 1)
    held = tuple([decoded(one, place) for one, place in zip(data, places, strict=True)])
    return Brought([named("", served, place) for place in places], Memory(held))


def _arrays(data: list[Any], shape: list[int], served: Served, limits: Limits) -> Brought:
    """Take arrays of bytes, one or several, as the modality encodes them."""
    _refuse_size(len(data), shape)
    several = shape if len(shape) == 4 else [1, *shape]
    refuse_number(several[0], limits)
    if not all(type(value) is int and 0 <= value < 256 for value in data):
        raise Refusal(
            422,
            _("The tensor of {datatype} holds other values.", datatype=UINT8),
            _("Give whole numbers of 0 to 255."),
        )
    arrays: NDArray[np.uint8] = np.array(data, np.uint8).reshape(several)
    encoded = [served.run.modality.encode(one) if one.size else None for one in arrays]
    held = [one for one in encoded if one is not None]
    if len(held) < len(encoded):
        raise _no_such(served, UINT8, shape)
    names = [named("", served, place) for place in range(1, len(held) + 1)]
    return Brought(names, Memory(tuple(held)))


def _flat(data: list[Any]) -> list[Any]:
    """Lay out nested lists one after the other."""
    while data and isinstance(data[0], list):
        data = [one for part in data for one in (part if isinstance(part, list) else [part])]
    return data


def _refuse_size(n: int, shape: Sequence[int]) -> None:
    if n != math.prod(shape):
        raise Refusal(
            422,
            _("{n} values do not fill the shape {shape}.", n=n, shape=str(shape)[:100]),
            _("Give as many as it has."),
        )


def _no_such(served: Served, datatype: str, shape: Sequence[int]) -> Refusal:
    """Refuse a tensor that holds no examples of the model."""
    wanted = described(served)["inputs"][0]
    return Refusal(
        422,
        _(
            "{datatype} of shape {shape} holds no {many}.",
            datatype=datatype[:20],
            shape=str(shape)[:100],
            many=served.run.modality.unit.many,
        ),
        _(
            "Give {datatype} of shape {shape}; files in base64.",
            datatype=wanted["datatype"],
            shape=str(wanted["shape"]),
        ),
    )
