"""Runs go to a hub and come back the same, without what nobody asked to send."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard, constants

import headstart as hs
from fake_hub import TOKEN, Hub, serving
from headstart.errors import ArtifactError, ConfigError
from headstart.exports.hub import checked

NAME = "ann/flowers"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub that the real client talks to; its owner is logged in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serving() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.address)
        template = found.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield found


@pytest.fixture(scope="module")
def small_run(photos: Path, small: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a network of timm whose weights lie in the run folder."""
    out = tmp_path_factory.mktemp("pushed") / "photos"
    return hs.train(photos, out=out, backbone=small, method="probe", size=96).folder


def paths_of(run: Path) -> set[str]:
    split = json.loads((run / "split.json").read_text("utf-8"))
    return {row["path"] for row in split["examples"]}


def answers(run: hs.Run, photos: Path) -> list[Any]:
    return [(p.path, p.predicted, p.probabilities, p.unfamiliar) for p in run.predict(photos)]


def test_a_run_comes_back_and_answers_the_same_to_the_byte(
    hub: Hub, small_run: Path, photos: Path
) -> None:
    done = hs.push(small_run, NAME, create=True)
    back = hs.pull(NAME, "back", revision=done.revision)
    assert answers(back, photos) == answers(hs.load(small_run), photos)
    for file in (small_run / "model").rglob("*.safetensors"):
        assert (back.folder / "model" / file.name).read_bytes() == file.read_bytes()
    assert back.metrics["estimate"] == hs.load(small_run).metrics["estimate"]
    assert sorted(p.name for p in back.folder.iterdir()) == [
        "README.md", "metrics.json", "model", "run.json",
    ]  # fmt: skip
    with pytest.raises(ArtifactError, match=r"predictions.csv.*\n?.*report it where it was made"):
        back.report()


def test_nothing_is_sent_that_shows_the_data_or_names_its_files(hub: Hub, run_folder: Path) -> None:
    done = hs.push(run_folder, NAME, create=True)
    sent = hub.files(NAME)
    assert set(done.files) <= set(sent)
    assert {name.partition("/")[0] for name in done.files} == {
        "README.md", "config.json", "metrics.json", "model", "model.safetensors", "run.json",
    }  # fmt: skip
    for name, data in sent.items():
        for path in paths_of(run_folder):
            assert path.encode() not in data, (name, path)
            assert Path(path).name.encode() not in data, (name, path)
    assert json.loads(sent["run.json"])["config"]["data"] == "…"
    assert "run.json: config.data" in done.hidden
    assert ModelCard(sent["README.md"].decode()).data.model_name == "flowers"
    assert f"headstart pull {NAME}" in sent["README.md"].decode()


def test_a_network_from_a_folder_does_not_tell_where_that_lies(
    hub: Hub, text_run: Path, tiny_bert: str
) -> None:
    done = hs.push(text_run, "ann/reviews", create=True)
    home = Path(tiny_bert.removeprefix("hf:")).parent
    for name, data in hub.files("ann/reviews").items():
        assert str(home).encode() not in data, name
    assert "model/model.json: backbone.source" in done.hidden
    assert "is no network of timm" in done.not_timm
    back, texts = hs.pull("ann/reviews", "back"), ["very good food", "bad room"]
    assert [p.probabilities for p in back.predict(texts)] == [
        p.probabilities for p in hs.load(text_run).predict(texts)
    ]


def test_timm_loads_what_lies_at_the_top(hub: Hub, small_run: Path, photos: Path) -> None:
    import timm
    import torch
    from PIL import Image
    from timm.data import create_transform, resolve_model_data_config

    assert hs.push(small_run, NAME, create=True).not_timm == ""
    folder = Path("of-timm")
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes(hub.files(NAME)[name])
    net = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    prepare = create_transform(**resolve_model_data_config(net))
    picture = next((photos / "disc").iterdir())
    with torch.inference_mode():
        ours = net(prepare(Image.open(picture).convert("RGB"))[None]).softmax(1)[0].numpy()
    theirs = hs.load(small_run).predict(picture)[0].probabilities
    np.testing.assert_allclose(ours, list(theirs.values()), atol=5e-3)


def test_with_pictures_the_whole_run_goes_and_its_report_can_be_made_anew(
    hub: Hub, small_run: Path
) -> None:
    done = hs.push(small_run, NAME, create=True, pictures=True)
    assert {"report.html", "pictures.json", "split.json", "predictions.csv"} <= set(done.files)
    assert done.hidden == ()
    back = hs.pull(NAME)
    assert back.folder == Path("runs/flowers")
    (back.folder / "report.html").unlink()
    assert back.report().exists()
    assert paths_of(back.folder) == paths_of(small_run)


def test_a_later_push_without_pictures_takes_them_away(hub: Hub, small_run: Path) -> None:
    first = hs.push(small_run, NAME, create=True, pictures=True)
    second = hs.push(small_run, NAME)
    assert not {"pictures.json", "split.json", "report.html"} & set(hub.files(NAME))
    assert first.revision != second.revision
    assert (hs.pull(NAME, "old", revision=first.revision).folder / "split.json").exists()
    assert not (hs.pull(NAME, "new").folder / "split.json").exists()


def test_private_ones_are_private(hub: Hub, small_run: Path, monkeypatch) -> None:
    hs.push(small_run, NAME, create=True, private=True)
    assert hub.repositories[NAME].private
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    with pytest.raises(ArtifactError, match="does not show it to you") as refused:
        hs.pull(NAME)
    assert "hf auth login" in refused.value.hint


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flowers", "ann/flo wers", "ann/b/c", "../etc", "ann/..", ""])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ConfigError, match="no name of a repository") as refused:
        checked(name)
    assert "OWNER/NAME" in refused.value.hint


def test_a_repository_that_is_not_there(hub: Hub, small_run: Path) -> None:
    with pytest.raises(ArtifactError, match="has no ann/flowers") as refused:
        hs.push(small_run, NAME)
    assert "--create" in refused.value.hint
    with pytest.raises(ArtifactError, match="has no ann/flowers"):
        hs.pull(NAME)
    assert not Path("runs/flowers").exists()


def test_another_repository_is_refused_and_nothing_is_fetched(hub: Hub) -> None:
    hub.make("ann/bert", {"pytorch_model.bin": b"pickle", "config.json": b"{}"})
    with pytest.raises(ArtifactError, match="holds no run of headstart") as refused:
        hs.pull("ann/bert")
    assert "--backbone hf:ann/bert" in refused.value.hint
    assert not [line for line in hub.asked if "/resolve/" in line]


def test_what_was_changed_on_the_way_is_refused(hub: Hub, small_run: Path) -> None:
    hs.push(small_run, NAME, create=True)
    files = hub.files(NAME)
    head = bytearray(files["model/head.safetensors"])
    head[-1] ^= 1
    hub.repositories[NAME].commit({**files, "model/head.safetensors": bytes(head)})
    with pytest.raises(ArtifactError, match="its checksum differs"):
        hs.pull(NAME, "back")
    assert not Path("back").exists()
    assert list(Path().iterdir()) == []


def test_files_that_no_run_has_are_not_fetched(hub: Hub, small_run: Path) -> None:
    hs.push(small_run, NAME, create=True)
    files = {**hub.files(NAME), "modeling.py": b"import os", "model.pkl": b"pickle"}
    hub.repositories[NAME].commit(files)
    back = hs.pull(NAME, "back")
    assert not {"modeling.py", "model.pkl"} & {p.name for p in back.folder.rglob("*")}


def test_gated_ones_and_revisions_that_are_not_there(
    hub: Hub, small_run: Path, monkeypatch
) -> None:
    hs.push(small_run, NAME, create=True)
    with pytest.raises(ArtifactError, match="no such revision") as refused:
        hs.pull(NAME, revision="f" * 40)
    assert "SHA" in refused.value.hint
    hub.repositories[NAME].gated = True
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ArtifactError, match="gives access on request") as refused:
        hs.pull(NAME)
    assert f"{hub.address}/{NAME}" in refused.value.hint
    assert not Path("runs/flowers").exists()


def test_without_a_token_or_the_right(hub: Hub, small_run: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    with pytest.raises(ConfigError, match="does not let you"):
        hs.push(small_run, NAME, create=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ConfigError, match="Nobody is logged in") as refused:
        hs.push(small_run, NAME, create=True)
    assert "hf auth login" in refused.value.hint
    assert NAME not in hub.repositories


def test_offline_and_away(hub: Hub, small_run: Path, monkeypatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ArtifactError, match="cannot be reached"):
        hs.pull(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for ask in (lambda: hs.pull(NAME), lambda: hs.push(small_run, NAME)):
        with pytest.raises(ArtifactError, match="HF_HUB_OFFLINE"):
            ask()


def test_options_that_make_no_sense_and_runs_that_are_not_sent(
    hub: Hub, small_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--private") as refused:
        hs.push(small_run, NAME, private=True)
    assert "--create" in refused.value.hint
    (tmp_path / "shop" / "model").mkdir(parents=True)
    (tmp_path / "shop" / "model" / "behaviour.safetensors").touch()
    with pytest.raises(ConfigError, match="who chose what"):
        hs.push(tmp_path / "shop", NAME)
    assert hub.asked == []


# ---- the command line ----------------------------------------------------------------------------


def test_the_commands(hub: Hub, headstart, small_run: Path, tmp_path: Path) -> None:
    sent = headstart("push", small_run, NAME, "--create", "--private")
    assert sent.status == 0, sent.err
    assert f"{hub.address}/{NAME}" in sent.err
    assert "Names of files were taken out of: " in sent.err
    sha = hub.repositories[NAME].commits[-1][0]
    assert f"headstart pull {NAME} --revision {sha}" in sent.err
    found = headstart("pull", NAME, "--revision", sha, "--out", "back", "--json").json()
    assert found["classes"] == ["chequers", "disc", "stripes"]
    again = headstart("pull", NAME, "--out", "back")
    again.refused("The output 'back' exists", "--overwrite")
    again = headstart("pull", NAME, "--out", "back", "--overwrite")
    assert "Accuracy, as whoever sent it measured" in again.err
    told = headstart("push", small_run, NAME, "--pictures", "--json").json()
    assert told["hidden"] == []
    assert shutil.rmtree(tmp_path / "back") is None
    headstart("pull", "flowers").refused("no name of a repository", "OWNER/NAME")
