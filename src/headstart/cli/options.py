"""Options that commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headstart.data.builtin import BUILTIN
from headstart.errors import ConfigError

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Folder of class folders; folder with train/ and val/ or test/; CSV, TSV, Parquet or "
        "JSONL with a path and a label column; zip or tar of any of these; builtin:NAME, one of "
        + ", ".join(BUILTIN.names())
        + ".",
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of `train`.")]
Backbone = Annotated[
    str,
    typer.Option(
        help="PROVIDER:NAME or a short name; see `headstart backbones`. auto, or several with "
        "commas: the best of them, by measurement."
    ),
]
OneBackbone = Annotated[
    str, typer.Option(help="PROVIDER:NAME or a short name; see `headstart backbones`.")
]
Method = Annotated[
    str,
    typer.Option(
        help="probe: frozen features, new head. finetune: also the last blocks. full: all of it. "
        "scratch, small-cnn: nothing pretrained. auto: the probe, and with --budget the best of "
        "them."
    ),
]
Size = Annotated[
    int | None,
    typer.Option(metavar="PIXELS", help="Side of the images the network sees; default: its own."),
]
TRAINING = "Training networks (--method finetune, full, scratch, small-cnn, or auto with --budget)"


def _knob(text: str, *names: str, metavar: str | None = None) -> Any:
    """Declare an option of the recipe; left out, the method's own default holds."""
    return typer.Option(*names, help=text, metavar=metavar, rich_help_panel=TRAINING)


Budget = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="What auto may take in all, e.g. 90s, 5m, 1h.",
        rich_help_panel=TRAINING,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with an interrupted run of the same data and options.",
        rich_help_panel=TRAINING,
    ),
]
Unfreeze = Annotated[
    str | None,
    _knob(
        "Blocks to train: a number from the end, last-blocks, last-stage, all, or a block's name.",
        metavar="DEPTH",
    ),
]
Tune = Annotated[str | None, _knob("What to train in them: all, bias (BitFit) or norm.")]
Batchnorm = Annotated[str | None, _knob("frozen: batch norms stay as they are; train.")]
Epochs = Annotated[int | None, _knob("How often every image is seen.")]
BatchSize = Annotated[int | None, _knob("Images per step.")]
Optimizer = Annotated[str | None, _knob("adamw, adam or sgd.")]
Rate = Annotated[float | None, _knob("Learning rate of pretrained layers.", "--lr")]
HeadRate = Annotated[float | None, _knob("Learning rate of the head.", "--head-lr")]
WeightDecay = Annotated[float | None, _knob("Never reaches what is frozen.")]
Schedule = Annotated[str | None, _knob("Of the rate: cosine, one-cycle or constant.")]
LayerDecay = Annotated[
    float | None, _knob("Rate of a block over that of the next deeper one, 0 to 1.")
]
Gradual = Annotated[bool | None, _knob("Unfreeze one more block every epoch.", "--gradual")]
Smoothing = Annotated[
    float | None, _knob("Share of each label given to all classes.", "--label-smoothing")
]
Mixup = Annotated[float | None, _knob("Mix inputs and labels in pairs, with this Beta parameter.")]
Cutmix = Annotated[
    float | None, _knob("Paste parts of one into another, with this Beta parameter.")
]
Ema = Annotated[
    float | None, _knob("Keep a running average of the weights with this decay, e.g. 0.99.")
]
Clip = Annotated[float | None, _knob("Longest gradient; 0: any.")]
Patience = Annotated[
    int | None, _knob("Stop after so many epochs without a better validation loss.")
]
Keep = Annotated[
    str | None, _knob("Hold on to what was learned: l2-sp, bss, co-tuning (several by commas).")
]
Wise = Annotated[
    bool | None,
    _knob("Mix the weights before and after training, as validation prefers.", "--wise"),
]
Precision = Annotated[str | None, _knob("float32, bfloat16, or auto: bfloat16 on CUDA.")]
FindLr = Annotated[bool | None, _knob("Choose --lr by a range test first.", "--find-lr")]
Augment = Annotated[str | None, _knob("none, mirror, flips, crops, pad, colour or randaugment.")]
Views = Annotated[int | None, _knob("Fixed views of each image whose activations are cached.")]
Cache = Annotated[
    bool | None,
    _knob(
        "Keep activations of fixed views; or compute frozen layers, and new views, every time.",
        "--cache/--no-cache",
    ),
]
Seed = Annotated[int, typer.Option(help="Of folds and of the re-initialised network; 0 or more.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Balanced = Annotated[bool, typer.Option("--balanced", help="Weigh all classes equally.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse unreadable files instead of leaving them out.")
]
Groups = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Column that names a patient, product, speaker...: never split."
    ),
]
GroupsFrom = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help=r"Read the group out of each path, e.g. 'patient(\d+)'."),
]
XColumn = Annotated[str | None, typer.Option("--x", metavar="COLUMN", help="Column of paths.")]
YColumn = Annotated[str | None, typer.Option("--y", metavar="COLUMN", help="Column of labels.")]
Encoding = Annotated[str, typer.Option(help="Of text tables, e.g. gb18030.")]
Abstain = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Give no answer where unsure, so that of the answers only this share is wrong: 0.02.",
    ),
]
StudyFolder = Annotated[
    Path | None, typer.Option("--out", help="Folder to write. Default: runs/NAME-STUDY, numbered.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace --out once the new one is complete.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def seconds(text: str) -> float:
    """Read a time span such as ``90``, ``90s``, ``5m``, ``1.5h``.

    Examples
    --------
    >>> seconds("90"), seconds("5m"), seconds("1.5h")
    (90.0, 300.0, 5400.0)
    """
    units = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
    number = text.strip().rstrip("".join(units))
    try:
        return float(number) * units[text.strip()[len(number) :] or "s"]
    except (ValueError, KeyError):
        raise ConfigError(f"--budget {text!r} is no time.", "For example 90s, 5m or 1h.") from None
