"""What requests and answers look like, for ``/openapi.json``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
FILE: Schema = {"type": "string", "format": "binary"}
BASE64: Schema = {
    "type": "string",
    "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
}


def _object(required: list[str], **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of, "minItems": 1}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _json(schema: Schema, description: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


ITEM = _object(["base64"], base64=BASE64, name=TEXT)


def predict(kinds: Iterable[str], columns: Sequence[Sequence[str]], most: int) -> Schema:
    """Describe the body of a request to predict.

    Parameters
    ----------
    kinds : iterable of str
        Where examples of the models lie: files, cells, rows.
    columns : sequence of sequence of str
        Of each that takes rows.
    most : int
        Examples in a request.
    """
    rows = [
        {"type": "array", "items": _or_null(NUMBER), "minItems": n, "maxItems": n}
        for n in sorted({len(own) for own in columns})
    ]

    def up_to(of: Schema) -> Schema:
        return _list(of) | {"maxItems": most}

    of_kind = {
        "file": _object(["items"], items=up_to({"anyOf": [BASE64, ITEM]})),
        "cell": _object(["texts"], texts=up_to(TEXT)),
        "row": {
            "type": "object",
            "description": "Rows are lists of numbers, or objects of numbers by column.",
            "properties": {"rows": up_to({"anyOf": rows}), "columns": {"enum": columns}},
            "required": ["rows"],
            "additionalProperties": False,
        },
    }
    found = sorted(set(kinds))
    content = {"application/json": {"schema": {"oneOf": [of_kind[kind] for kind in found]}}}
    if "file" in found:
        form = _object(["file"], file=up_to(FILE))
        content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


PREDICTION = _object(
    ["path", "predicted", "confidence", "probabilities", "unfamiliar", "error", "note"],
    path=TEXT,
    predicted=TEXT,
    confidence=_or_null(NUMBER),
    probabilities={"type": ["object", "null"], "additionalProperties": NUMBER},
    unfamiliar=_or_null({"type": "boolean"}),
    error=TEXT,
    note=TEXT,
    abstained=_or_null({"type": "boolean"}),
    labels={"type": ["array", "null"], "items": TEXT},
)
ANSWERS = _json(
    _object(
        ["model", "predictions"], model=TEXT, predictions={"type": "array", "items": PREDICTION}
    ),
    "One answer an example, in order.",
)
MODEL = _object(
    ["name", "task", "modality", "classes", "takes"],
    name=TEXT,
    task=TEXT,
    modality=TEXT,
    classes=_list(TEXT),
    takes=_list(TEXT),
    columns={"type": "array", "items": TEXT},
    method=TEXT,
    backbone=TEXT,
    licence=TEXT,
    several_labels={"type": "boolean"},
    abstains={"type": "boolean"},
)
ABOUT = _json(MODEL, "The model.")
MODELS = _json(_object(["models"], models=_list(MODEL)), "All models.")
ANY = _json({"type": "object"}, "As the protocol has it.")
STATE = _json(_object(["status"], status=TEXT), "Yes.")

REFUSED = _object(["error"], error=TEXT, hint=TEXT)
REASONS = {
    400: "Not understood.",
    404: "No such model.",
    408: "It did not come in whole in time.",
    413: "Too large.",
    415: "Neither a form nor JSON.",
    422: "Not what the model takes, or too many examples.",
    429: "Too often from one address.",
    503: "Too many ask at once; Retry-After says when to ask again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of a route."""
    return {status: _json(REFUSED, REASONS[status]) for status in statuses}


TENSOR = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "datatype": TEXT,
        "shape": {"type": "array", "items": {"type": "integer"}},
        "data": {"type": "array"},
    },
    "required": ["name", "datatype", "shape", "data"],
}
INFER: Schema = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "id": TEXT,
                        "inputs": {"type": "array", "items": TENSOR, "minItems": 1, "maxItems": 1},
                        "outputs": {"type": "array", "items": _object(["name"], name=TEXT)},
                    },
                    "required": ["inputs"],
                }
            }
        },
    }
}
INFERRED = _json(
    _object(
        ["model_name", "outputs"],
        model_name=TEXT,
        id=TEXT,
        outputs={"type": "array", "items": TENSOR},
    ),
    "Tensors with a row for each example.",
)
