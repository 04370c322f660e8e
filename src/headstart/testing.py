"""Conformance checks for plug-in authors: call them in your own tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import Card
from headstart.errors import ConfigError
from headstart.events import ignore
from headstart.modalities import Look, Modality, UnreadableError
from headstart.modalities.copies import Copies

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone
    from headstart.data.items import Items
    from headstart.methods import Method
    from headstart.tasks import Encoded, Floats, Task


def check_backbone(backbone: Backbone) -> None:
    """Hold a backbone to the contract; raises ``AssertionError`` with what is amiss.

    Parameters
    ----------
    backbone : Backbone
        What a provider's ``load`` returned.

    Examples
    --------
    >>> from headstart.backbones import resolve
    >>> check_backbone(resolve("efficientnet-lite0").load())
    """
    import torch

    card = backbone.card
    assert not backbone.training, "a backbone is loaded in eval mode"
    fed = torch.from_numpy(card.look.drawn(3))
    with torch.inference_mode():
        together, alone = backbone(fed), backbone(fed[1:2])
    assert together.shape == (3, card.dim), f"embeds to {tuple(together.shape)}, not (3, dim)"
    assert torch.isfinite(together).all(), "an embedding holds values that are not finite"
    assert torch.allclose(together[1:2], alone, atol=1e-4), "an example depends on its batch"
    counted = sum(p.numel() for p in backbone.net.parameters())
    assert card.parameters == counted, f"the card says {card.parameters} parameters, not {counted}"
    assert len(backbone.blocks()) >= 2, "blocks() lists the stages from shallow to deep"
    assert sum(p for _, _, p in card.layers) == card.parameters, "layers leave parameters out"
    assert card.licence, "the licence of the weights must be stated, if only as 'not stated'"
    assert card.source, "the source of the weights must be stated"
    copy = Card.from_json(json.loads(json.dumps(card.to_json())))
    assert copy == card, "the card does not survive JSON"


def check_task(task: Task, labels: Sequence[str], right: Floats) -> None:
    """Hold a task to the contract; raises ``AssertionError`` with what is amiss.

    Parameters
    ----------
    task : Task
    labels : sequence of str
        As they are written, several.
    right : ndarray of shape (n, n_outputs)
        Answers that could not be better about these labels.

    Examples
    --------
    >>> from headstart.tasks.classification import Classification
    >>> check_task(Classification(("cat", "dog")), ["cat", "dog"], np.eye(2))
    """
    y, n = task.encode(labels), len(labels)
    assert task.decode(y) == list(labels), "decode does not undo encode"
    shape = (n, task.n_outputs)
    assert right.shape == shape, f"answers have the shape {right.shape}, not {shape}"
    assert np.array_equal(task.score(y, right), np.ones(n)), "answers that are right do not score 1"
    rng = np.random.default_rng(0)
    out = rng.dirichlet(np.ones(task.n_outputs), n)
    out[::2] = right[::2]
    score, order = task.score(y, out), rng.permutation(n)
    assert score.shape == (n,), f"score gives {score.shape}: not one number per row"
    assert ((score >= 0) & (score <= 1)).all(), "a score lies outside 0 to 1"
    turned = task.score(y[order], out[order])
    assert np.array_equal(turned, score[order]), "the score of a row depends on the others"
    reported, again = task.scores(y, out), task.scores(y[order], out[order])
    assert np.isclose(reported[task.metric], score.mean()), "the metric is not the mean of score"
    assert all(np.isclose(again[k], v) for k, v in reported.items()), "the order of rows matters"
    floor = task.floor(y, 3)
    assert floor.shape == (3, task.n_outputs), f"the floor has the shape {floor.shape}"
    assert np.isfinite(floor).all(), "the floor holds values that are not finite"
    assert np.array_equal(task.floor(y[order], 3), floor), "the floor depends on the order of rows"
    assert task.decode_answers(right)[0] == list(labels), "right answers say other labels"
    sure = task.sureness(out)
    assert sure.shape == (n,), f"sureness has the shape {sure.shape}: not one number per row"
    stated, came_true = task.stated(y, out)
    assert stated.shape == came_true.shape, "what is stated and what came true differ in shape"
    assert len(stated) == n, "something is stated for every row"
    _check_folds(task, np.concatenate([y, y, y]))


def _check_folds(task: Task, y: Encoded) -> None:
    """Check that folds cover all rows, keep groups whole and come out alike twice."""
    groups = np.arange(len(y)) // 2
    first, again = (task.folds(y, groups, 2, np.random.default_rng(0)) for _ in range(2))
    assert first.shape == (len(y),), f"folds has the shape {first.shape}: not one per row"
    assert set(first.tolist()) == {0, 1}, "two folds are 0 and 1, none of them empty"
    assert np.array_equal(first, again), "folds of one seed differ"
    whole = all(len(np.unique(first[groups == g])) == 1 for g in np.unique(groups))
    assert whole, "folds tear a group apart"


def check_modality(
    modality: Modality[Any, Any], look: Look[Any], examples: Sequence[bytes]
) -> None:
    """Hold a modality to the contract in every respect; ``AssertionError`` says what is amiss.

    Parameters
    ----------
    modality : Modality
    look : Look
        That of one of its backbones, with the columns of the examples where they are rows.
    examples : sequence of bytes
        Four or more that can be read, no two alike.
    """
    assert len(examples) >= 4, "give four examples or more"
    assert modality.name == modality.name.lower(), "the name is in lower case"
    assert modality.kinds, "kinds say where examples may lie"
    for data in examples:
        d = modality.digest(modality.read(data, modality.digest_detail))
        told = modality.circumstances(d)
        assert all(isinstance(v, float | int | str | tuple) for v in told.values()), (
            "circumstances are numbers, names, or tuples of numbers"
        )
        assert isinstance(modality.blank(d), str), "blank says something, or nothing, in words"
        packed = modality.pack(d)
        assert isinstance(packed, bytes), "pack writes bytes"
        assert modality.pack(modality.unpack(packed)) == packed, "a digest changes in the cache"
    _check_hostile(modality, look, examples)
    check_look(modality, look, examples)
    check_copies(modality, examples)
    check_rivals(modality, examples)
    check_views(modality, look, examples)
    check_parts(modality, look, examples)
    check_show(modality, look, examples)


def check_look(modality: Modality[Any, Any], look: Look[Any], examples: Sequence[bytes]) -> None:
    """Check that a look survives JSON and prepares an example alike in every company."""
    copy = modality.look(json.loads(json.dumps(look.to_json())))
    assert copy == look, "the look does not survive JSON"
    fed = [look(modality.read(data, look.detail)) for data in examples]
    together = look.batch(fed)
    assert len(together) == len(fed), "batch joins examples along a new first axis"
    for one, prepared in zip(together, fed, strict=True):
        alone = look.batch([prepared])[0]
        if alone.shape == one.shape:  # else it was padded
            assert np.array_equal(alone, one), "an example depends on its batch"
    for a, b in zip(
        fed, (copy(modality.read(data, look.detail)) for data in examples), strict=True
    ):
        assert np.array_equal(a, b), "an example is not prepared alike twice"
    drawn = look.drawn(3)
    assert len(drawn) == 3, "drawn(3) makes up three examples"
    assert np.array_equal(drawn, look.drawn(3)), "what is drawn is not always the same"
    assert drawn.dtype == together.dtype, f"drawn gives {drawn.dtype}, batches {together.dtype}"
    assert look.asked() == look, "asked for nothing, the look becomes another"
    with _raises(ConfigError, "a look takes options that it does not know"):
        look.asked(no_such_option=1)
    assert look.says(), "says() tells what happens to an example"


def check_copies(modality: Modality[Any, Any], examples: Sequence[bytes]) -> None:
    """Check that what occurs twice is found, in whatever order the examples come."""
    doubled = [*examples, examples[0]]
    order = np.random.default_rng(0).permutation(len(doubled))
    found, shuffled = (_copies(modality, rows) for rows in (doubled, [doubled[i] for i in order]))
    assert found.component[0] == found.component[-1], "an example given twice is no copy of itself"
    assert found.exact[0] == found.exact[-1], "what is equal to the byte is no exact copy"
    for name in ("component", "exact", "unturned"):
        mine, other = getattr(found, name)[order], getattr(shuffled, name)
        same = (mine[:, None] == mine) == (other[:, None] == other)
        assert same.all(), f"{name} depends on the order of the examples"


def check_rivals(modality: Modality[Any, Any], examples: Sequence[bytes]) -> None:
    """Check that baselines describe examples one by one, in numbers."""
    digests = [modality.digest(modality.read(data, modality.digest_detail)) for data in examples]
    for name, rival in modality.rivals.items():
        described, *single = _dense(
            [rival.describe(digests), *(rival.describe([d]) for d in digests)]
        )
        assert described.shape[0] == len(digests), f"{name} describes {described.shape[0]} examples"
        assert described.ndim == 2, f"{name} gives {described.ndim} axes, not (n, d)"
        assert np.isfinite(described).all(), f"{name} gives values that are not finite"
        assert np.allclose(np.concatenate(single), described, atol=1e-5), (
            f"{name}: an example depends on others"
        )
        assert rival.says, f"{name} does not say what it is"


def _dense(described: Sequence[Any]) -> list[NDArray[np.floating]]:
    """Return what a baseline gives as arrays; of counts, the columns in which there is anything."""
    if all(isinstance(part, np.ndarray) for part in described):
        return list(described)
    columns = np.unique(np.concatenate([part.indices for part in described]))
    assert all((part.data >= 0).all() for part in described), "counts are not negative"
    return [part[:, columns].toarray() for part in described]


def check_views(modality: Modality[Any, Any], look: Look[Any], examples: Sequence[bytes]) -> None:
    """Check that view 0 is what prediction sees, and that a view is always the same."""
    x = modality.read(examples[0], look.detail)
    kinds = modality.views.kinds
    assert kinds.get("none") == 1, "kinds has none, with one view"
    for kind in (kind for kind, count in kinds.items() if count):
        views = modality.views.fixed(kind)
        assert views.count >= 1 and views.key and views.describe(), "views have a number and a key"
        assert np.array_equal(views(x, look, "a", 0), look(x)), "view 0 is not the plain one"
        for view in range(views.count):
            first, again = (views(x, look, "a", view) for _ in range(2))
            assert np.array_equal(first, again), f"view {view} of {kind} is not always the same"
    read = [modality.read(data, look.detail) for data in examples]
    fresh = modality.views.fresh(
        read.__getitem__, len(read), look, "none", workers=1, on_event=ignore
    )
    rows = np.arange(len(read))
    plain = look.batch([look(one) for one in read])
    assert fresh.plain(rows).shape == plain.shape, "fresh.plain gives another shape"
    assert fresh.varied(rows, np.random.default_rng(0)).shape == plain.shape
    for kind in kinds:
        fresh = modality.views.fresh(
            read.__getitem__, len(read), look, kind, workers=1, on_event=ignore
        )
        shown = fresh.varied(rows, np.random.default_rng(0))
        assert len(shown) == len(rows), f"fresh views of {kind} lose examples"
        if kind == "none":
            assert np.array_equal(shown, plain), "none varies examples"


def check_parts(modality: Modality[Any, Any], look: Look[Any], examples: Sequence[bytes]) -> None:
    """Check that parts may be left out: none, each, all."""
    parts = modality.parts
    if parts is None:
        return
    for data in examples:
        x = modality.read(data, look.detail)
        seen = parts.of(x, look)
        shape = parts.shape(seen)
        plain = parts.without(seen, np.zeros(shape, bool))
        assert np.array_equal(plain, look(x)), "with nothing left out, an example is another"
        nothing = parts.without(seen, np.ones(shape, bool))
        assert look.batch([plain, nothing]).shape[0] == 2, "an example cannot do without all parts"
        weight = np.zeros(shape, np.float32)
        assert parts.spread(weight, seen).shape == shape, "spread gives no weight for every part"


def check_show(modality: Modality[Any, Any], look: Look[Any], examples: Sequence[bytes]) -> None:
    """Check that what is shown is plain data, and no markup of ours.

    A picture is a ``data:`` address; a text may hold what an example holds, since pages escape it.
    """
    show, parts = modality.show, modality.parts
    if show is None:
        return
    for data in examples:
        d = modality.digest(modality.read(data, modality.digest_detail))
        records = [show.large(modality.read(data, show.detail)), show.stand_in(d), show.point(d)]
        if parts is not None:
            seen = parts.of(modality.read(data, look.detail), look)
            records.append(show.marked(seen, np.ones(parts.shape(seen), np.float32)))
        for record in records:
            json.dumps(record)  # raises where it is no plain data
            for key in {"image", "map"} & set(record):
                assert record[key].startswith("data:"), f"{key} is no data: address"
                assert not set("<>\"'") & set(record[key]), f"{key} holds markup"
            if "text" in record:
                assert isinstance(record["text"], str), "text is no plain string"


def check_items(items: Items) -> None:
    """Hold items to their contract: bytes by row, whatever they lie in.

    Parameters
    ----------
    items : Items
        At least two, readable.
    """
    from headstart.data.items import times_of

    n = len(items)
    assert n >= 2, "give two items or more"
    assert items.kind in ("file", "cell", "row"), f"no kind of place: {items.kind!r}"
    assert bool(items.columns) == (items.kind == "row"), "columns make rows, and only those"
    whole = [items.data(row) for row in range(n)]
    assert all(isinstance(data, bytes) for data in whole), "data(row) gives bytes"
    assert items.data(0) == whole[0], "the same row gives the same bytes"
    turned = items.take(list(reversed(range(n))))
    assert len(turned) == n, "take() loses rows"
    assert [turned.data(row) for row in range(n)] == whole[::-1], "take() keeps the order given"
    for row in range(n):
        path = items.path(row)
        assert (path is None) == (items.kind != "file"), "files have a path, and only those"
        if path is not None and times_of(items, row) is None:
            assert path.read_bytes() == whole[row], "a path leads to the bytes"


def check_method(method: Method) -> None:
    """Hold a method to its contract, as far as that can be seen without work for it."""
    from headstart.transfer.recipe import NAMES

    assert method.name, "a method has a name"
    assert method.name == method.name.lower(), "names are typed: in lower case"
    assert isinstance(method.needs_blocks, bool), "needs_blocks says yes or no"
    strange = set(method.takes) - set(NAMES)
    assert not strange, f"takes options that no recipe has: {sorted(strange)}"
    assert callable(method), "a method is called with its work"


def _check_hostile(
    modality: Modality[Any, Any], look: Look[Any], examples: Sequence[bytes]
) -> None:
    """Feed what is no example: it is read all the same, or refused as unreadable."""
    noise = np.random.default_rng(0).bytes(4096)
    cut = [data[: int(len(data) * share)] for data in examples for share in (0.1, 0.5, 0.99)]
    for data in (b"", b"\x00", noise, noise[:800], examples[0] + noise, *cut):
        for detail in dict.fromkeys((0, look.detail, modality.digest_detail)):
            try:
                modality.level(data, detail)
                modality.digest(modality.read(data, detail))
            except UnreadableError as cause:
                assert str(cause), "an example is refused without a reason"


def _copies(modality: Modality[Any, Any], examples: Sequence[bytes]) -> Copies:
    hashes = [hashlib.sha256(data).hexdigest() for data in examples]
    digests = [modality.digest(modality.read(data, modality.digest_detail)) for data in examples]
    return modality.copies(hashes, digests)


@contextmanager
def _raises(kind: type[Exception], otherwise: str) -> Iterator[None]:
    try:
        yield
    except kind:
        return
    raise AssertionError(otherwise)
