"""Libraries loaded as is best: timm and torchvision without torch's compiler, OpenVINO in silence.

Without the compiler every new process is a second sooner there. When the two are imported,
torchvision takes a function of it, to ask it about an operation on boxes, and timm marks functions
of one architecture that it must not compile. For that much all of it would be loaded, which takes
longer than torch itself. Nothing is compiled here; who needs the compiler later loads it as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo.utils"


def load_timm() -> None:
    """Import timm, and with it torchvision."""
    _load("timm")


def load_torchvision() -> None:
    """Import torchvision."""
    _load("torchvision")


def load_openvino() -> Any:
    """Import OpenVINO with its usage statistics off: nothing a user does leaves the machine."""
    # Its own fallback for a machine without the telemetry package sends nothing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _load(name: str) -> None:
    if name in sys.modules or "torch._dynamo" in sys.modules:
        return
    with suppress(ImportError), _without_compiler():  # a later version may ask more of it
        import_module(name)


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Put something in its place that answers no, and marks nothing."""
    import torch

    stands_in, disable = ModuleType(COMPILER), torch.compiler.disable
    stands_in.is_compile_supported = lambda device_type: False  # type: ignore[attr-defined]
    sys.modules[COMPILER] = stands_in
    torch.compiler.disable = _as_it_is  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.compiler.disable = disable
        del sys.modules[COMPILER]


def _as_it_is(function: Any = None, *_: object, **__: object) -> Any:
    """Stand for ``torch.compiler.disable``, with and without arguments."""
    return function if function is not None else _as_it_is
