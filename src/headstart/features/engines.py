"""Engines: what runs a backbone's forward pass, chosen by timing what this machine has.

On a CPU every worker runs its own single-threaded replica on one example at a time: no barriers to
collapse on a busy machine, and the same kernel, hence the same numbers, whether an example comes
alone or among thousands. OpenVINO and plain torch, in float32 or bfloat16, are timed once per
backbone and machine and checked against torch float32; the choice and the converted network are
kept in the cache, so later runs need not even import torch. On CUDA torch runs batches of one
fixed size.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import Card
from headstart.backbones.libraries import load_openvino
from headstart.backbones.side_by_side import card_of
from headstart.errors import BackboneError, ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.modalities import Fed, Padded, modality
from headstart.modalities.side_by_side import SideBySide
from headstart.said import _, commas
from headstart.scratch import scratch

if TYPE_CHECKING:
    from headstart.backbones.cutting import Prefix
    from headstart.backbones.network import Backbone
    from headstart.backbones.stages import Stages

    Network = Backbone | Prefix | Stages

Vectors = NDArray[np.float32]  # (B, dim)
Forward = Callable[[Fed], Vectors]
FORMAT = "4"
"""Part of every key: raise it when anything here changes the numbers."""
PARITY = 0.999
"""Least cosine to torch float32, on every sample, for an engine to be used."""
WORTH = 1.2
"""A reduced precision must be this much faster than the fastest float32 engine to be chosen."""
SAMPLES = 8
"""Made-up examples on which engines are timed and compared."""
_CONVERTING = threading.Lock()
"""Filters of warnings, which are changed meanwhile, belong to the whole process."""
BESIDE = "+"
"""Stands between the names of engines whose networks stand side by side."""
CPU_ENGINES = ("openvino-bfloat16", "openvino-float32", "torch-bfloat16", "torch-float32")


class NetworkSource(Protocol):
    """Where a network comes from: a name (``Ref``), a run folder, or the first part of either."""

    def fingerprint(self) -> str | None:
        """Hash that identifies the weights and their use, or None if only loading can tell."""

    def load(self) -> Network:
        """Build the network in eval mode, with its card."""


class Engine(Protocol):
    """A way to run one backbone.

    Attributes
    ----------
    name : str
        ``"openvino-bfloat16"``: the library and its arithmetic.
    card : Card
    batch_size : int
        1 where every worker runs its own replica; else what a batch must be padded to.
    """

    name: str
    card: Card
    batch_size: int

    def replica(self) -> Forward:
        """Return a forward pass for the calling thread alone."""


@runtime_checkable
class RunsItself(Protocol):
    """A source that may be an engine already: a network so simple that no library runs it."""

    def engine(self) -> Engine | None:
        """Return the engine, or None where the network needs one made."""


@runtime_checkable
class OfOpenVINO(Protocol):
    """A network that is none of torch's: OpenVINO runs it on the CPU, whatever else is there."""

    def openvino_graph(self) -> Any:
        """Return it, from one prepared example to its vector."""


def space(engine: Engine) -> str:
    """Identify everything, but for the file, that an embedding depends on.

    float32 engines agree to rounding and share their features; reduced precisions do not.
    """
    numerics = "float32" if engine.name.endswith("float32") else engine.name
    parts = [FORMAT, engine.card.weights_hash, repr(engine.card.look), numerics, "pooled"]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


@runtime_checkable
class MadeOfParts(Protocol):
    """A source of several networks side by side; each is run by an engine of its own."""

    def parts(self) -> Sequence[tuple[NetworkSource, str]]:
        """Return what gives the vectors of each, with the name of the layer they are of."""


class SideBySideEngine:
    """Engines of several networks as one, whose vectors stand one after the other.

    Parameters
    ----------
    parts : sequence of Engine
    layers : sequence of str
        The layer that each ends at.
    """

    def __init__(self, parts: Sequence[Engine], layers: Sequence[str]) -> None:
        self.parts = tuple(parts)
        self.name = BESIDE.join(part.name for part in parts)
        self.card = card_of([(e.card, layer) for e, layer in zip(parts, layers, strict=True)])
        self.batch_size = max(part.batch_size for part in parts)

    def replica(self) -> Forward:
        """Return a forward pass of all networks for the calling thread."""
        look, forwards = self.card.look, [part.replica() for part in self.parts]
        assert isinstance(look, SideBySide)

        def forward(fed: Fed) -> Vectors:
            batches = zip(forwards, look.apart(fed), strict=True)
            return np.concatenate([run(batch) for run, batch in batches], axis=1)

        return forward


def single(engine: Engine) -> tuple[Engine, ...]:
    """Return the engines of single networks that an engine consists of."""
    return engine.parts if isinstance(engine, SideBySideEngine) else (engine,)


class TorchEngine:
    """Plain torch: always works."""

    def __init__(self, backbone: Network, precision: str, device: str = "cpu") -> None:
        import torch

        self.name = f"torch-{precision}" if device == "cpu" else f"cuda-{precision}"
        self.card = backbone.card
        self.batch_size = 1 if device == "cpu" else 64
        self._torch = torch
        self._device = torch.device(device)
        self._dtype = torch.bfloat16 if precision == "bfloat16" else None
        self._net = backbone.to(self._device).to(memory_format=torch.channels_last)

    def replica(self) -> Forward:
        """Return the shared network, with this thread held to one core."""
        if self._device.type == "cpu":
            self._torch.set_num_threads(1)  # of the calling thread's own parallel regions
        return self._forward

    def _forward(self, fed: Fed) -> Vectors:
        torch = self._torch
        batch = torch.from_numpy(np.array(fed))
        if self._device.type == "cuda":
            batch = batch.pin_memory().to(self._device, non_blocking=True)
        with (
            torch.inference_mode(),
            torch.autocast(
                self._device.type, self._dtype or torch.bfloat16, enabled=bool(self._dtype)
            ),
        ):
            out: Vectors = self._net(batch).float().cpu().numpy()
        return out


class OpenVINOEngine:
    """Intel's runtime, on any x86 or ARM CPU: one stream, hence one thread, per worker.

    Parameters
    ----------
    compile_with : callable
        Settings -> the network compiled. Called for the first pass: who finds all embeddings in the
        cache needs none.
    """

    batch_size = 1

    def __init__(
        self,
        card: Card,
        precision: str,
        workers: int,
        compile_with: Callable[[dict[str, Any]], Any],
    ) -> None:
        self.name = f"openvino-{precision}"
        self.card = card
        self._settings = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "NUM_STREAMS": workers,
            "INFERENCE_NUM_THREADS": workers,
            "ENABLE_CPU_PINNING": False,
        }
        self._compile_with: Callable[[dict[str, Any]], Any] | None = compile_with
        self._compiled: Any = None
        self._lock = threading.Lock()

    def replica(self) -> Forward:
        """Return a request of its own for the calling thread, made when it is first used."""
        request: Any = None

        def forward(fed: Fed) -> Vectors:
            nonlocal request
            if request is None:
                request = self._network().create_infer_request()
            out: Vectors = request.infer([fed])[0].copy()
            return out

        return forward

    def _network(self) -> Any:
        """Return the compiled network."""
        with self._lock:
            if self._compile_with is not None:
                self._compiled = self._compile_with(self._settings)
                self._compile_with = None  # it holds the network it was converted from
                # The Python bindings set themselves up on the first pass, and threads that do so
                # together can wait for each other for ever: make it here, in one thread.
                self._compiled.create_infer_request().infer([self.card.look.drawn(1)])
        return self._compiled


@dataclass(frozen=True)
class Kitchen:
    """Where engines are made and kept.

    Attributes
    ----------
    folder : Path
        The cache folder; converted networks and choices live below it. May be unwritable.
    workers : int
        How many replicas will run at once.
    on_event : callable
    """

    folder: Path
    workers: int
    on_event: OnEvent = ignore

    def engine(self, ref: NetworkSource, *, device: str = "cpu", name: str | None = None) -> Engine:
        """Prepare the fastest trustworthy engine for a backbone.

        Parameters
        ----------
        ref : Ref
        device : {"cpu", "cuda"}
        name : str or None
            Insist on an engine (as a saved model does, to predict the same everywhere); where
            this machine lacks it, torch or OpenVINO in float32 is used, and said.
        """
        if isinstance(ref, MadeOfParts):
            return self._side_by_side(ref, device, name)
        if isinstance(ref, RunsItself) and (own := ref.engine()) is not None:
            return own
        if device == "cuda":
            return batched_engine(ref.load(), device, name)
        bench = Bench(self, ref)
        if name is None:
            name = bench.choice()
        elif not _runs_here(name):
            instead = next(e for e in _engines_here() if e.endswith("float32"))
            self._say(
                _(
                    "This machine cannot run {engine}, the arithmetic the model was trained with; "
                    "{instead} is used, and probabilities may differ in the third decimal.",
                    engine=name,
                    instead=instead,
                )
            )
            name = instead
        return bench.make(name)

    def _side_by_side(self, ref: MadeOfParts, device: str, name: str | None) -> SideBySideEngine:
        """Prepare an engine for every network; one name is that of all of them."""
        sources, layers = zip(*ref.parts(), strict=True)
        names: list[str | None] = list(name.split(BESIDE)) if name else [None]
        if len(names) == 1:
            names = names * len(sources)
        pairs = zip(sources, names, strict=True)
        engines = [self.engine(source, device=device, name=own) for source, own in pairs]
        return SideBySideEngine(engines, layers)

    def _say(self, message: str) -> None:
        self.on_event(Event(_("preparing the backbone"), message=message, level="warning"))


def batched_engine(backbone: Network, device: str, name: str | None = None) -> TorchEngine:
    """Return torch on a device that takes batches: in bfloat16 where that passes the parity check.

    ``name``, if given, decides instead of the check.

    Raises
    ------
    BackboneError
        A network whose vectors are of no use, as ``refuse_useless`` has it.
    """
    exact = TorchEngine(backbone, "float32", device)
    reduced = TorchEngine(backbone, "bfloat16", device)
    if name is not None:
        return exact if name.endswith("float32") else reduced
    samples = backbone.card.look.drawn(SAMPLES)
    reference = exact.replica()(samples)
    refuse_useless(reference, backbone.card.name)
    agreement = cosine(reduced.replica()(samples), reference)
    return reduced if agreement.min() >= PARITY else exact


class Bench:
    """One backbone being prepared; loads torch only if the cache cannot serve."""

    def __init__(self, kitchen: Kitchen, ref: NetworkSource) -> None:
        self.kitchen = kitchen
        self.ref = ref
        self._backbone: Network | None = None
        self._network: Any = None  # converted in this process, where the cache had none
        mark = ref.fingerprint() or _card_mark(self.backbone.card)
        versions = [FORMAT, *(_version(p) for p in ("openvino", "timm", "torch"))]
        key = hashlib.sha256("|".join([mark, *versions]).encode()).hexdigest()[:32]
        self.shelf = kitchen.folder / "engines" / key

    @property
    def backbone(self) -> Network:
        """The torch network, loaded at most once."""
        if self._backbone is None:
            message = _("loading {backbone}", backbone=str(self.ref))
            self.kitchen.on_event(Event(_("preparing the backbone"), message=message, level="info"))
            self._backbone = self.ref.load()
        return self._backbone

    def make(self, name: str) -> Engine:
        """Make an engine by name."""
        library, _dash, precision = name.partition("-")
        if library == "torch":
            return TorchEngine(self.backbone, precision)
        if library != "openvino":
            raise ConfigError(
                _("No engine {name!r}.", name=name),
                _("One of: {names}.", names=commas(CPU_ENGINES)),
            )
        card = self._kept_card() or self.backbone.card
        if self._backbone is not None:  # the same weights may have had another name
            card = replace(card, name=self._backbone.card.name)
        return OpenVINOEngine(card, precision, self.kitchen.workers, self._compiled)

    def choice(self) -> str:
        """Name the engine to use: remembered, or found by timing."""
        memory = self.shelf / f"choice-{_machine()}.json"
        if memory.exists():
            name = str(json.loads(memory.read_text("utf-8"))["engine"])
            if _runs_here(name):
                return name
        timed = self.time_engines()
        name = fastest(timed)
        _write(memory, json.dumps({"engine": name, "seconds_per_image": timed}, indent=1))
        return name

    def time_engines(self) -> dict[str, float]:
        """Seconds per example, single-threaded, of every engine that passes the parity check.

        Raises
        ------
        BackboneError
            A network whose vectors are of no use, as ``refuse_useless`` has it.
        """
        samples = self.backbone.card.look.drawn(SAMPLES)
        packs = modality(self.backbone.card.modality).packs(list(samples))
        found = {name: _run(self.make(name).replica(), samples, packs) for name in _candidates()}
        reference, _seconds = found["torch-float32"]
        refuse_useless(reference, self.backbone.card.name)
        return {
            name: seconds
            for name, (vectors, seconds) in found.items()
            if cosine(vectors, reference).min() >= PARITY
            and not (name.startswith("torch") and isinstance(self.backbone, OfOpenVINO))
        }

    @property
    def _kept(self) -> Path:
        return self.shelf / "openvino"

    def _kept_card(self) -> Card | None:
        """Read the card of the converted network; None where there is none, or damaged."""
        try:
            return Card.from_json(json.loads((self._kept / "card.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _convert_and_keep(self) -> None:
        with _CONVERTING:
            self._network = self._convert()
        _keep_network(self._network, self.backbone.card, self._kept)

    def _compiled(self, settings: dict[str, Any]) -> Any:
        """Compile the kept network; one that is damaged, as a cache may be, is made anew.

        What it compiles to is kept beside it: to load that takes a fifth of the time.
        """
        if self._kept_card() is None:
            self._convert_and_keep()
        core = load_openvino().Core()
        kept = {"CACHE_DIR": str(self._kept)} if os.access(self._kept, os.W_OK) else {}
        try:
            return core.compile_model(str(self._kept / "network.xml"), "CPU", {**settings, **kept})
        except RuntimeError:
            if self._network is None:
                self._convert_and_keep()
            return core.compile_model(self._network, "CPU", settings)

    def _convert(self) -> Any:
        """Convert to OpenVINO's form, with the normalisation in the graph.

        The library's own ``convert_model`` takes six times as long, to prepare the graph for what
        compiling does again.
        """
        if isinstance(self.backbone, OfOpenVINO):
            return self.backbone.openvino_graph()
        import torch

        openvino = load_openvino()
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        drawn = self.backbone.card.look.drawn(2)
        example = torch.from_numpy(drawn[:1])
        with torch.no_grad(), warnings.catch_warnings():
            # torch deprecates tracing; OpenVINO's converter still wants what was traced.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", torch.jit._trace.TracerWarning)
            network = self.backbone.requires_grad_(False)
            # As a function: of a module, every part would first be made into one of its own.
            traced = torch.jit.trace(lambda fed: network(fed), example, check_trace=False)
        graph = TorchScriptPythonDecoder(traced, example_input=example)  # called back: must live on
        reader = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
        converted = reader.convert(reader.load(graph))
        (fed,) = converted.get_parameters()
        fed.set_element_type(openvino.Type(example.numpy().dtype))
        packed = any(
            len(pack) > 1 for pack in modality(self.backbone.card.modality).packs(list(drawn))
        )
        padded = isinstance(self.backbone.card.look, Padded)
        fed.set_partial_shape(
            openvino.PartialShape([-1] * example.dim() if packed or padded else drawn[:1].shape)
        )
        converted.validate_nodes_and_infer_types()
        return converted


def _keep_network(network: Any, card: Card, folder: Path) -> None:
    """Save a converted network whole, or not at all where the cache cannot be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch(".making-", folder.parent) as beside:
            load_openvino().save_model(network, beside / "network.xml", compress_to_fp16=False)
            (beside / "card.json").write_text(json.dumps(card.to_json(), indent=1), "utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            beside.rename(folder)
    except (OSError, RuntimeError):
        pass


def fastest(timed: dict[str, float]) -> str:
    """Name the fastest engine; a reduced precision only where it is clearly faster than float32."""
    exact = {name: s for name, s in timed.items() if name.endswith("float32")}
    best_exact, best = min(exact, key=exact.__getitem__), min(timed, key=timed.__getitem__)
    return best if timed[best] * WORTH < exact[best_exact] else best_exact


def refuse_useless(vectors: Vectors, name: str) -> None:
    """Refuse a network by what torch in float32 makes of unlike examples, (n, dim).

    Raises
    ------
    BackboneError
        Values that are no numbers, or nothing but zeros: nobody could learn from either, and no
        engine be compared with it.
    """
    broken = ~np.isfinite(vectors).all(axis=1)
    if broken.any():
        raise BackboneError(
            _(
                "The network {name} gives values that are no numbers (NaN or infinite), for {n} of "
                "{all} made-up examples: its weights are damaged, or another network's.",
                name=name,
                n=int(broken.sum()),
                all=len(vectors),
            ),
            _("Get the weights anew, or name another backbone."),
        )
    if not vectors.any():
        raise BackboneError(
            _(
                "The network {name} gives nothing but zeros, whatever it is shown ({all} made-up "
                "examples): there is nothing to tell examples by. Its weights are empty or "
                "damaged, or another network's.",
                name=name,
                all=len(vectors),
            ),
            _("Get the weights anew, or name another backbone."),
        )


def cosine(a: Vectors, b: Vectors) -> NDArray[np.float32]:
    """Cosine of rows (n,): of two that are zero 1, of one that is 0, of what is no number 0."""
    a, b = a.astype(np.float64), b.astype(np.float64)  # squares of large values are beyond float32
    one, other = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    scale, product = one * other, (a * b).sum(axis=1)
    both = (one == 0) & (other == 0)
    known = np.isfinite(product) & np.isfinite(scale) & (scale > 0)
    return np.asarray(np.where(known, product / np.where(known, scale, 1), both), np.float32)


def _engines_here() -> list[str]:
    """Engines this machine can run, the usual favourite first."""
    return [name for name in CPU_ENGINES if _runs_here(name)]


def _candidates() -> list[str]:
    """Engines worth timing: where OpenVINO reduces the precision, torch does so no faster."""
    here = _engines_here()
    return [e for e in here if e != "torch-bfloat16" or "openvino-bfloat16" not in here]


def _runs_here(name: str) -> bool:
    library, _, precision = name.partition("-")
    there = library == "torch" or importlib.util.find_spec("openvino") is not None
    return name in CPU_ENGINES and there and (precision == "float32" or _has_bfloat16())


@cache
def _has_bfloat16() -> bool:
    """Whether the CPU computes in bfloat16; elsewhere it would be emulated, and slow."""
    if importlib.util.find_spec("openvino") is not None:
        return "BF16" in load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _run(forward: Forward, fed: Fed, packs: list[list[int]]) -> tuple[Vectors, float]:
    """Run pack by pack; return vectors and the median seconds of one example."""
    forward(fed[packs[0]])
    vectors, seconds = dict[int, Vectors](), []
    for pack in packs * (len(fed) // len(packs)):  # as often, however they are packed
        start = time.perf_counter()
        found = forward(fed[pack])
        seconds.append((time.perf_counter() - start) / len(pack))
        vectors |= dict(zip(pack, found, strict=True))
    return np.stack([vectors[i] for i in range(len(fed))]), float(np.median(seconds))


def _card_mark(card: Card) -> str:
    return f"{card.weights_hash}|{card.look!r}|{card.architecture}"


def _machine() -> str:
    """Mark this processor: choices are not carried between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next(line for line in lines if line.startswith(("model name", "CPU part")))
    except (OSError, StopIteration):
        model = platform.processor() + platform.machine()
    return hashlib.sha256(model.encode()).hexdigest()[:12]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _write(path: Path, text: str) -> None:
    """Write a small file whole, or not at all where the cache cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.write_text(text, "utf-8")
        beside.replace(path)
    except OSError:
        pass


def describe(engine: Engine) -> dict[str, Any]:
    """Return what a run folder records about the engine."""
    return {"name": engine.name, "batch_size": engine.batch_size}
