"""What a request brings: files, texts or rows of numbers, in a form or in JSON; all in memory.

Nothing is fetched: an address in a request is no example. What is wrong with the request as a whole
is refused; what is wrong with one example is said beside the answers for the others.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import numpy as np
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from headstart.data.items import Cells, Items, Memory, NumberRows
from headstart.data.texts import clean
from headstart.said import _, commas
from headstart.serve.limits import MB, Limits
from headstart.serve.refusals import Refusal
from headstart.serve.served import Served

FORM, JSON = "multipart/form-data", "application/json"
KEYS = {"items": "file", "texts": "cell", "rows": "row"}
"""Keys of a JSON body, and where examples of each lie."""
LONGEST_NAME = 255
WORTH_A_THREAD = 1 * MB
"""Bytes of a JSON body from which reading it would hold up the other requests."""


@dataclass(frozen=True)
class Brought:
    """Examples of a request.

    Attributes
    ----------
    refs : list of str
        What they are called: the name of the file, or the place among the examples.
    items : Items
    """

    refs: list[str]
    items: Items


async def read_body(request: Request, served: Served, limits: Limits) -> Brought:
    """Read the examples of a request.

    Raises
    ------
    Refusal
        It is not understood, or brings nothing, too much, or what the model does not take.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        return await _from_form(request, served, limits)
    if kind == JSON:
        return await in_json(request, partial(from_json, served=served, limits=limits))
    raise Refusal(
        415,
        _("A body of type {kind!r} is not understood.", kind=kind[:100]),
        _("Send {form} with files, or {json}.", form=FORM, json=JSON),
    )


async def in_json(request: Request, read: Any) -> Any:
    """Read a body in JSON; a large one in a thread of its own."""
    body = await request.body()

    def parsed() -> Any:
        return read(_document(body))

    return await asyncio.to_thread(parsed) if len(body) > WORTH_A_THREAD else parsed()


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as cause:
        raise Refusal(
            400, _("The body is not JSON ({cause}).", cause=_short(cause)), _("Send an object.")
        ) from cause
    if not isinstance(found, dict):
        raise Refusal(400, _("The body is no JSON object."), _("Send an object."))
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def from_json(found: dict[str, Any], *, served: Served, limits: Limits) -> Brought:
    """Take the examples out of a JSON object."""
    given = [key for key in KEYS if key in found]
    strange = sorted(set(found) - {*KEYS, "columns"})
    if strange or len(given) != 1 or ("columns" in found and given != ["rows"]):
        names = commas(takes(served))
        raise Refusal(
            422,
            _("The object has the keys {keys}.", keys=commas(key[:50] for key in found)),
            _("Give one of these, as a list: {names}; with rows also columns.", names=names),
        )
    (key,) = given
    examples = found[key]
    _refuse_kind(served, key)
    if not isinstance(examples, list):
        raise Refusal(422, _("{key} is no list.", key=key), _("Give a list of examples."))
    refuse_number(len(examples), limits)
    if key == "rows":
        return rows(examples, found.get("columns"), served)
    if key == "texts":
        return texts(examples, served)
    pairs = [_item(one, place, served) for place, one in enumerate(examples, 1)]
    return Brought([name for name, _data in pairs], Memory(tuple(data for _name, data in pairs)))


def takes(served: Served) -> list[str]:
    """Name the keys that a model takes."""
    return [key for key, kind in KEYS.items() if kind in served.kinds]


def refuse_number(n: int, limits: Limits) -> None:
    """Refuse a request without examples, or with too many of them."""
    if n > limits.items:
        raise Refusal(
            422,
            _("{n} examples are too many: the limit is {most}.", n=n, most=limits.items),
            _("Send them in several requests."),
        )
    if not n:
        raise Refusal(422, _("The request holds no example."), _("Send at least one."))


def texts(given: Sequence[Any], served: Served) -> Brought:
    """Take strings for texts."""
    wrong = next((place for place, text in enumerate(given, 1) if not isinstance(text, str)), None)
    if wrong is not None:
        raise Refusal(
            422, _("Text {place} is no string.", place=wrong), _("Give a list of strings.")
        )
    names = [_called(served, place) for place in range(1, len(given) + 1)]
    return Brought(names, Cells(tuple(map(clean, given))))


def rows(given: Sequence[Any], columns: Any, served: Served) -> Brought:
    """Take lists of numbers, or objects of numbers by column, for rows; null is missing."""
    wanted = served.columns
    if columns is not None:
        if not isinstance(columns, list) or not all(isinstance(c, str) for c in columns):
            raise Refusal(422, _("columns is no list of names."), _("Give a list of strings."))
        given = [
            dict(zip(columns, row, strict=False))
            if isinstance(row, list) and len(row) == len(columns)
            else row
            for row in given
        ]
    found = [_row(row, place, wanted, columns) for place, row in enumerate(given, 1)]
    names = [_called(served, place) for place in range(1, len(given) + 1)]
    return Brought(names, NumberRows(np.array(found, np.float64), wanted))


def _row(row: Any, place: int, wanted: Sequence[str], columns: Any) -> list[float]:
    if isinstance(row, Mapping):
        lacking = [name for name in wanted if name not in row]
        if lacking:
            raise Refusal(
                422,
                _("Row {place} lacks column {name!r}.", place=place, name=lacking[0]),
                _("The model was trained on the columns {columns}.", columns=commas(wanted)),
            )
        row = [row[name] for name in wanted]
    if not isinstance(row, list) or len(row) != len(columns or wanted):
        raise Refusal(
            422,
            _("Row {place} is no list of {n} numbers.", place=place, n=len(columns or wanted)),
            _("The model was trained on the columns {columns}.", columns=commas(wanted)),
        )
    try:
        return [_number(value) for value in row]
    except (TypeError, OverflowError) as cause:
        raise Refusal(
            422,
            _("Row {place} holds what is no number.", place=place),
            _("Give numbers; `null` stands for one that is missing."),
        ) from cause


def _number(value: Any) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _item(one: Any, place: int, served: Served) -> tuple[str, bytes]:
    """Decode a file: ``{"base64": ..., "name": ...}``, or its base64 alone."""
    held = one if isinstance(one, dict) else {"base64": one}
    name, written = held.get("name", ""), held.get("base64")
    if not isinstance(written, str) or not isinstance(name, str) or set(held) - {"base64", "name"}:
        raise Refusal(
            422,
            _("Item {place} is no file in base64.", place=place),
            _('Give {form}; "name" may be left out.', form='{"base64": "...", "name": "..."}'),
        )
    return named(name, served, place), decoded(written, place)


def decoded(written: str, place: int) -> bytes:
    """Decode base64."""
    try:
        return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise Refusal(
            422,
            _("Item {place} is not base64 ({cause}).", place=place, cause=_short(cause)),
            _("Encode the bytes of the file, without line breaks."),
        ) from cause


def named(name: str, served: Served, place: int) -> str:
    """Call an example by its name, as far as that is one; else by its place."""
    return clean(name)[:LONGEST_NAME].strip() or _called(served, place)


def _called(served: Served, place: int) -> str:
    return f"{served.run.modality.unit.singular} {place}"  # as ``Run.predict`` calls it


class _InMemory(MultiPartParser):
    """Reads a form without a file on the disk: how much comes was limited before."""

    spool_max_size = 2**62


async def _from_form(request: Request, served: Served, limits: Limits) -> Brought:
    most = limits.items + 1
    parser = _InMemory(
        request.headers,
        request.stream(),
        max_files=most,
        max_fields=most,
        max_part_size=limits.bytes,
    )
    try:
        form = await parser.parse()
    except MultiPartException as cause:
        count = max(parser._current_files, parser._current_fields)
        refuse_number(max(1, count), limits)
        raise Refusal(
            400,
            _("The form cannot be read ({cause}).", cause=_short(cause.message)),
            _("Send multipart/form-data with a part for each file."),
        ) from cause
    parts = [part for _field, part in form.multi_items()]
    try:
        return _brought(
            [part for part in parts if isinstance(part, UploadFile)],
            [part for part in parts if isinstance(part, str)],
            served,
            limits,
        )
    finally:
        await form.close()


def _brought(
    files: Sequence[UploadFile], written: Sequence[str], served: Served, limits: Limits
) -> Brought:
    """Take the files of a form for examples, or its fields for texts."""
    refuse_number(len(files) + len(written), limits)
    if files and written:
        raise Refusal(
            422,
            _("The form holds files and fields of text."),
            _("Send files, or texts; each in a request of its own."),
        )
    if written:
        _refuse_kind(served, "texts")
        return texts(written, served)
    _refuse_kind(served, "items")
    names = [named(part.filename or "", served, place) for place, part in enumerate(files, 1)]
    return Brought(names, Memory(tuple([part.file.read() for part in files])))


def _refuse_kind(served: Served, key: str) -> None:
    """Refuse examples that lie where those of the model do not."""
    if KEYS[key] not in served.kinds:
        raise Refusal(
            422,
            _("{key}: this model takes {many}.", key=key, many=served.run.modality.unit.many),
            _("It takes {names}.", names=commas(takes(served))),
        )


def _short(cause: object) -> str:
    """Say a cause of others in a few words, without what was sent."""
    return str(cause)[:100]
