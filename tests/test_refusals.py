"""Options that would change nothing are refused before any work, with the mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headstart as hs
from conftest import draw_folder
from given import IMAGE
from headstart.data.inputs import expand
from headstart.data.sources import open_source
from headstart.data.unlabelled import open_unlabelled, read_labels
from headstart.modalities import modality
from headstart.prepare.config import configure
from headstart.prepare.refusals import refuse_augmentation, refuse_for_run, refuse_fresh_views


def numbers(path: Path, n: int = 24) -> Path:
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal():.3f},{rng.normal() + 3 * (i % 2):.3f},{'uv'[i % 2]}" for i in range(n)]
    path.write_text("\n".join(["a,b,label", *rows]), "utf-8")
    return path


@pytest.fixture(scope="module")
def rows_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[hs.Run, Path]:
    here = tmp_path_factory.mktemp("rows")
    table = numbers(here / "rows.csv")
    return hs.train(table, x="a,b", out=here / "run"), table


@pytest.mark.parametrize(
    ("options", "said", "mend"),
    [
        ({"resume": True}, "--resume: the probe trains no network", "cached"),
        ({"resume": True, "method": "layers"}, "--resume: layers trains no network", "cached"),
        ({"method": "finetune", "find_lr": True, "lr": 0.1}, "--lr and --find-lr", "Leave one"),
        ({"budget": 60.0, "find_lr": True}, "--find-lr: --method auto", "--lr"),
        (
            {"method": "finetune", "keep": ("l2-sp",), "weight_decay": 0.1},
            "--weight-decay: --keep l2-sp",
            "Leave one",
        ),
        ({"encoding": "latin-1"}, "--encoding 'latin-1' is of a text table", "Drop --encoding"),
        ({"x": "path"}, "--x 'path' names a column", "Drop --x"),
        ({"modality": "array"}, "--modality array: rows do not lie in files", "Leave it out"),
    ],
)
def test_train_refuses_what_it_would_drop(
    options: dict[str, Any], said: str, mend: str, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(hs.ConfigError, match=said) as refused:
        hs.train(photos, out=tmp_path / "run", **options)
    assert mend in refused.value.hint
    assert not (tmp_path / "run").exists()


def test_classes_of_copies_are_refused_by_check_and_train(small: str, tmp_path: Path) -> None:
    for name in ("red", "blue"):
        (tmp_path / "flat" / name).mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (64, 64), name).save(tmp_path / "flat" / name / f"{i}.png")
    for job in (hs.check, hs.train):
        with pytest.raises(hs.DataError, match="2 classes with copies of a single picture alone"):
            job(tmp_path / "flat", backbone=small, size=64)


def test_rows_are_no_images(tmp_path: Path) -> None:
    with pytest.raises(
        hs.ConfigError, match=r"--modality image: column .* holds numbers .*, not images"
    ):
        hs.check(numbers(tmp_path / "rows.csv"), modality="image")


def test_a_parquet_file_knows_its_own_encoding(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw_folder(tmp_path / "a", 1)
    files = sorted((tmp_path / "a").glob("*/*"))
    table = {"path": [str(f) for f in files], "label": [f.parent.name for f in files]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(hs.ConfigError, match=r"is of a text table, but a\.parquet is none"):
        open_source(tmp_path / "a.parquet", encoding="gb18030", cache_dir=tmp_path)
    with pytest.raises(hs.ConfigError, match="none of the inputs is a text table"):
        expand([tmp_path / "a.parquet"], IMAGE, encoding="gb18030")
    assert len(expand([tmp_path / "a.parquet"], IMAGE, x="path")) == 3


@pytest.mark.parametrize("options", [{"x": "path"}, {"encoding": "latin-1"}])
def test_predict_refuses_options_of_tables_without_one(
    options: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    file = next((photos / "disc").iterdir())
    for inputs in ([file], [photos], [b"bytes"], [str(photos / "*" / "*.png")]):
        with pytest.raises(hs.ConfigError, match="none of the inputs is a"):
            expand(inputs, IMAGE, **options)
    (tmp_path / "list.csv").write_text(f"path\n{file}\n", "utf-8")
    assert len(expand([tmp_path / "list.csv", file], IMAGE, **options)) == 2


def test_a_model_of_rows_knows_its_columns(rows_run: tuple[hs.Run, Path]) -> None:
    run, table = rows_run
    for ask in (run.predict, run.evaluate):
        with pytest.raises(hs.ConfigError, match="--x 'b': the model takes the columns"):
            ask(table, x="b")


def test_a_budget_that_nothing_could_use_is_said(tmp_path: Path) -> None:
    run = hs.train(numbers(tmp_path / "rows.csv"), budget=60, epochs=3, out=tmp_path / "run")
    (found,) = [f for f in run.metrics["findings"] if f["kind"] == "budget"]
    assert "had no use" in found["message"]
    assert "has no blocks" in found["message"]


def test_views_that_are_not_kept_and_augmentation_of_what_has_no_views() -> None:
    refuse_fresh_views(4, "blocks.1", "")
    refuse_fresh_views(None, None, "nothing is frozen")
    with pytest.raises(hs.ConfigError, match=r"--views 4: .*\(nothing is frozen\)"):
        refuse_fresh_views(4, None, "nothing is frozen")
    refuse_augmentation("crops", "crops", None, "lines")
    refuse_augmentation("none", "crops", None, "lines")
    with pytest.raises(hs.ConfigError, match="--augment flips and --views 2: lines have no views"):
        refuse_augmentation("flips", "crops", 2, "lines")


def test_views_of_a_network_trained_whole_are_refused_before_training(
    photos: Path, small: str, tmp_path: Path
) -> None:
    options = {"method": "finetune", "unfreeze": "all", "views": 4, "epochs": 1, "size": 64}
    with pytest.raises(hs.ConfigError, match=r"--views 4: .*nothing is frozen"):
        hs.train(photos, backbone=small, out=tmp_path / "run", **options)


def test_options_of_the_recipe_that_mean_something_together_still_do() -> None:
    for options in ({"find_lr": True}, {"find_lr": False, "lr": 0.1}, {"keep": ("bss",)}):
        assert configure("x", {"method": "finetune", **options}).method == "finetune"


def test_options_of_tables_in_an_adaptation_may_be_for_either_side(
    photos: Path, tmp_path: Path
) -> None:
    file = next((photos / "disc").iterdir())
    listed = tmp_path / "列.csv"
    listed.write_bytes(f"图,label\n{file},disc\n".encode("gb18030"))
    asked = {"x": "图", "encoding": "gb18030", "cache_dir": tmp_path}
    assert len(open_source(photos, elsewhere=True, **asked)) == 45
    target = open_unlabelled(listed, IMAGE, **asked)
    assert len(target) == 1
    assert len(open_unlabelled(photos, IMAGE, **asked)) == 45
    everything = open_unlabelled(photos, IMAGE, cache_dir=tmp_path).examples
    assert len(read_labels(photos, everything, option="--target-labels", **asked)) == 45
    with pytest.raises(hs.ConfigError, match="--x: a run folder as the source has no columns"):
        refuse_for_run(["x", "seed"], tables=False)
    with pytest.raises(hs.ConfigError, match=r"--device: .* nothing to set"):
        refuse_for_run(["device"])


def test_a_table_of_rows_as_the_target_takes_the_columns_of_the_source(tmp_path: Path) -> None:
    table = numbers(tmp_path / "rows.csv")
    found = open_unlabelled(
        table, modality("array"), columns=("a", "b"), x="a,b", cache_dir=tmp_path
    )
    assert found.examples.items.columns == ("a", "b")
