"""Engines: the same numbers whoever computes them, and however many at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from conftest import CHOICE
from headstart.backbones import Ref, resolve
from headstart.errors import BackboneError, ConfigError
from headstart.events import Event
from headstart.features.engines import (
    CPU_ENGINES,
    PARITY,
    Bench,
    Engine,
    Kitchen,
    TorchEngine,
    _engines_here,
    batched_engine,
    cosine,
    fastest,
    space,
)
from headstart.machine import cache_folder, worker_count
from headstart.modalities.image.look import Preprocessing

LOOK = Preprocessing(224, 224, (0.5,) * 3, (0.5,) * 3)
DEFAULT = resolve("efficientnet-lite0")


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(Kitchen(cache_folder(), 2), DEFAULT)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return LOOK.drawn(8)


def embed(engine: Engine, pixels: np.ndarray) -> np.ndarray:
    forward = engine.replica()
    return np.concatenate([forward(pixels[i : i + 1]) for i in range(len(pixels))])


@pytest.mark.parametrize("name", [n for n in CPU_ENGINES if n.endswith("float32")])
def test_float32_engines_agree(bench: Bench, samples: np.ndarray, name: str) -> None:
    if name not in _engines_here():
        pytest.skip(f"{name} is not on this machine")
    reference = embed(bench.make("torch-float32"), samples)
    vectors = embed(bench.make(name), samples)
    assert vectors.dtype == np.float32
    assert np.abs(vectors - reference).max() < 1e-3 * np.abs(reference).max()
    assert cosine(vectors, reference).min() > 0.99999


def test_only_engines_that_pass_the_parity_check_are_offered(bench: Bench) -> None:
    timed = bench.time_engines()
    reference = embed(bench.make("torch-float32"), LOOK.drawn(8))
    assert timed, "torch in float32 agrees with itself"
    for name in timed:
        assert cosine(embed(bench.make(name), LOOK.drawn(8)), reference).min() >= PARITY


def test_the_fastest_wins_but_reduced_precision_must_be_worth_it() -> None:
    assert fastest({"torch-float32": 2.0, "openvino-float32": 1.0}) == "openvino-float32"
    assert fastest({"torch-float32": 1.0, "openvino-bfloat16": 0.9}) == "torch-float32"
    assert fastest({"torch-float32": 1.0, "openvino-bfloat16": 0.5}) == "openvino-bfloat16"


def test_engines_are_timed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = Ref("timm", "test_resnet", seed=0).at(size=32)
    name = CHOICE(Bench(Kitchen(tmp_path, 1), ref))
    (kept,) = tmp_path.rglob("choice-*.json")
    timed = json.loads(kept.read_text("utf-8"))["seconds_per_image"]
    assert name == fastest(timed)
    assert all(seconds > 0 for seconds in timed.values())
    monkeypatch.setattr(Bench, "time_engines", None)
    assert CHOICE(Bench(Kitchen(tmp_path, 1), ref)) == name


def test_the_choice_is_remembered_and_torch_is_not_imported_again(
    bench: Bench, samples: np.ndarray
) -> None:
    name = bench.choice()
    embed(bench.make(name), samples[:1])
    code = (
        "import sys\n"
        "from headstart.backbones import resolve\n"
        "from headstart.features.engines import Kitchen\n"
        "from headstart.machine import cache_folder\n"
        "engine = Kitchen(cache_folder(), 2).engine(resolve('efficientnet-lite0'))\n"
        "print(engine.name, 'torch' in sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    chosen, imported = out.stdout.split()
    assert chosen == name
    assert imported == str(name.startswith("torch"))


def test_normalisation_is_in_the_graph(bench: Bench) -> None:
    """A constant gray picture at 127.5 is all zeros after normalisation by 0.5 and 0.5."""
    backbone = bench.backbone
    pixels = np.full((1, 224, 224, 3), 128, np.uint8)
    x = (pixels.astype(np.float32).transpose(0, 3, 1, 2) / 255 - 0.5) / 0.5
    import torch

    with torch.inference_mode():
        wanted = backbone.net(torch.from_numpy(x)).numpy()
    assert np.allclose(embed(bench.make(bench.choice()), pixels), wanted, atol=1e-3)


def test_reinitialised_network_has_other_weights_same_shape(bench: Bench) -> None:
    kitchen = Kitchen(cache_folder(), 2)
    random = kitchen.engine(Ref(DEFAULT.prefix, DEFAULT.name, 0))
    again = kitchen.engine(Ref(DEFAULT.prefix, DEFAULT.name, 0))
    other = kitchen.engine(Ref(DEFAULT.prefix, DEFAULT.name, 1))
    assert random.card.parameters == bench.backbone.card.parameters
    assert random.card.weights_hash == again.card.weights_hash
    assert (
        len({random.card.weights_hash, other.card.weights_hash, bench.backbone.card.weights_hash})
        == 3
    )


def test_seeding_leaves_the_global_stream_alone() -> None:
    import torch

    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    Ref(DEFAULT.prefix, DEFAULT.name, 5).load()
    assert torch.equal(torch.rand(3), wanted)


def test_spaces_tell_weights_preprocessing_and_precision_apart(bench: Bench) -> None:
    exact = bench.make("torch-float32")
    twin = bench.make("openvino-float32") if "openvino-float32" in _engines_here() else exact
    reduced = TorchEngine(bench.backbone, "bfloat16")
    random = Kitchen(cache_folder(), 2).engine(Ref(DEFAULT.prefix, DEFAULT.name, 0))
    assert space(exact) == space(twin)
    assert len({space(exact), space(reduced), space(random)}) == 3


def test_batched_torch_pads_to_one_size_and_agrees(bench: Bench, samples: np.ndarray) -> None:
    """What runs on CUDA, on the CPU: a full batch gives what single images give."""
    engine = TorchEngine(bench.backbone, "float32")
    forward = engine.replica()
    assert np.allclose(forward(samples), embed(engine, samples), atol=1e-4)


def test_a_device_that_takes_batches_is_held_to_the_same_parity(bench: Bench) -> None:
    """What decides on CUDA, on the CPU: bfloat16 on these weights misses the mark."""
    samples = LOOK.drawn(8)
    exact, reduced = (TorchEngine(bench.backbone, p) for p in ("float32", "bfloat16"))
    passes = cosine(reduced.replica()(samples), exact.replica()(samples)).min() >= PARITY
    chosen = batched_engine(bench.backbone, "cpu")
    assert chosen.name == ("torch-bfloat16" if passes else "torch-float32")
    assert batched_engine(bench.backbone, "cpu", "torch-bfloat16").name == "torch-bfloat16"


def test_an_engine_that_is_not_here_is_replaced_and_said() -> None:
    heard: list[Event] = []
    kitchen = Kitchen(cache_folder(), 2, heard.append)
    engine = kitchen.engine(DEFAULT, name="cuda-bfloat16")
    assert engine.name == next(e for e in _engines_here() if e.endswith("float32"))
    assert any("cuda-bfloat16" in e.message and e.level == "warning" for e in heard)


def test_an_engine_name_that_means_nothing(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="openvino-float32"):
        bench.make("abacus-float32")


def test_an_unwritable_cache_still_gives_an_engine(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    engine = Kitchen(tmp_path / "file", 1).engine(DEFAULT)
    assert embed(engine, LOOK.drawn(1)).shape == (1, 1280)


def test_a_damaged_or_half_made_network_is_made_anew(tmp_path: Path) -> None:
    if "openvino-float32" not in _engines_here():
        pytest.skip("no OpenVINO here")
    kept = Bench(Kitchen(tmp_path, 1), DEFAULT).shelf / "openvino"
    (kept.parent / "making-1").mkdir(parents=True)
    (kept.parent / "making-1" / "network.xml").write_text("<half")
    wanted = embed(Bench(Kitchen(tmp_path, 1), DEFAULT).make("openvino-float32"), LOOK.drawn(1))
    for name, damage in (("card.json", b""), ("network.xml", b"<net"), ("network.bin", b"\0" * 9)):
        (kept / name).write_bytes(damage)
        again = Bench(Kitchen(tmp_path, 1), DEFAULT).make("openvino-float32")
        assert np.allclose(embed(again, LOOK.drawn(1)), wanted, atol=1e-5), name


def test_no_usage_statistics_are_loaded() -> None:
    code = (
        "import sys\n"
        "from headstart.features.engines import _engines_here\n"
        "_engines_here()\n"
        "print(sys.modules.get('openvino_telemetry'))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "None"


def test_workers_do_not_exceed_cores() -> None:
    import os

    assert 1 <= worker_count() <= (os.cpu_count() or 1)


def test_first_passes_of_several_threads_do_not_wait_for_each_other(bench: Bench) -> None:
    """OpenVINO's bindings deadlocked where threads made their first passes together.

    Without the warm-up about one process in three hung under this switch interval.
    """
    name = bench.choice()
    bench.make(name)
    code = (
        "import sys, threading, numpy as np\n"
        "from headstart.backbones import resolve\n"
        "from headstart.features.engines import Bench, Kitchen\n"
        "from headstart.machine import cache_folder\n"
        "bench = Bench(Kitchen(cache_folder(), 4), resolve('efficientnet-lite0'))\n"
        f"engine = bench.make({name!r})\n"
        "sys.setswitchinterval(1e-6)\n"
        "barrier, pixels = threading.Barrier(4), np.zeros((1, 224, 224, 3), np.uint8)\n"
        "def first_pass():\n"
        "    forward = engine.replica()\n"
        "    barrier.wait()\n"
        "    forward(pixels)\n"
        "threads = [threading.Thread(target=first_pass) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_same_weights_under_another_name_keep_it(tmp_path: Path) -> None:
    """The cache knows weights by what they are; what they are called is the user's business."""
    tensors = Ref("timm", "test_resnet", seed=3).at(size=64).load().net.state_dict()
    for name in ("one", "two"):
        save_file(tensors, tmp_path / f"{name}.safetensors")
        ref = resolve(f"file:{tmp_path / name}.safetensors#timm:test_resnet")
        engine = Kitchen(tmp_path / "cache", 1).engine(ref, name="openvino-float32")
        assert engine.card.name == f"file:{name}.safetensors#timm:test_resnet"


def test_rows_of_zeros_agree_with_each_other_alone() -> None:
    """A network may give zeros for one made-up example and be of use for others."""
    zero, one, broken = np.zeros((1, 3)), np.ones((1, 3)), np.full((1, 3), np.nan)
    pairs = [(zero, zero), (zero, one), (one, one), (one, -one), (one, broken)]
    found = [float(cosine(a, b)[0]) for a, b in pairs]
    assert found == pytest.approx([1, 0, 1, -1, 0])


@pytest.mark.parametrize(("value", "said"), [(0.0, "nothing but zeros"), (np.nan, "no numbers")])
@pytest.mark.parametrize("device", ["engines are timed", "batches"])
def test_a_network_without_a_use_is_refused_in_words(
    tmp_path: Path, value: float, said: str, device: str
) -> None:
    """Every engine failed the comparison, and the fastest of none was asked for."""
    tensors = Ref("timm", "test_resnet", seed=3).at(size=64).load().net.state_dict()
    broken = {k: v.fill_(value) if v.is_floating_point() else v for k, v in tensors.items()}
    save_file(broken, tmp_path / "broken.safetensors")
    ref = resolve(f"file:{tmp_path / 'broken.safetensors'}#timm:test_resnet")
    with pytest.raises(BackboneError, match=said) as caught:
        if device == "batches":
            batched_engine(ref.load(), "cpu")
        else:
            Bench(Kitchen(tmp_path / "cache", 1), ref).time_engines()
    assert "broken.safetensors" in caught.value.message
    assert "another backbone" in caught.value.hint
