"""The commands. Each turns options into one call of the library and shows what came back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headstart._version import __version__
from headstart.backbones import DEFAULT
from headstart.cli.console import Bars, err, print_data, say
from headstart.data.builtin import BUILTIN
from headstart.errors import ConfigError

app = typer.Typer(
    name="headstart",
    help="Transfer learning that shows its work: a model from a small labelled set, with an "
    "honest verdict.\n\nStart with: headstart train FOLDER, or headstart demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Add --debug to any command to see where an internal error comes from.",
)

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


def _version(value: bool) -> None:
    if value:
        print_data(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass


@app.command()
def train(
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="Run folder to write. Default: runs/NAME, numbered.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace --out once the new run is complete.")
    ] = False,
    backbone: Backbone = DEFAULT,
    method: Method = "auto",
    size: Size = None,
    seed: Seed = 0,
    device: Device = "auto",
    balanced: Balanced = False,
    strict: Strict = False,
    groups: Groups = None,
    groups_from: GroupsFrom = None,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
    abstain: Abstain = None,
    budget: Budget = None,
    resume: Resume = False,
    unfreeze: Unfreeze = None,
    tune: Tune = None,
    batchnorm: Batchnorm = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    optimizer: Optimizer = None,
    lr: Rate = None,
    head_lr: HeadRate = None,
    weight_decay: WeightDecay = None,
    schedule: Schedule = None,
    layer_decay: LayerDecay = None,
    gradual: Gradual = None,
    label_smoothing: Smoothing = None,
    mixup: Mixup = None,
    cutmix: Cutmix = None,
    ema: Ema = None,
    clip: Clip = None,
    patience: Patience = None,
    keep: Keep = None,
    wise: Wise = None,
    precision: Precision = None,
    find_lr: FindLr = None,
    augment: Augment = None,
    views: Views = None,
    cache: Cache = None,
) -> None:
    """Train a model, estimate its score, say whether transfer helped, write a report.

    For example: headstart train photos/    or    headstart train photos/ --budget 5m
    or    headstart train labels.csv --groups patient --method finetune --unfreeze last-stage
    """
    options = dict(locals())  # every option, by the name that the library gives it too
    options["budget"] = None if budget is None else seconds(budget)
    _train(**options)


def _train(data: str, out: Path | None, overwrite: bool, as_json: bool, **options: Any) -> None:
    from headstart.jobs.train import train

    with Bars() as bars:
        run = train(data, out=out, overwrite=overwrite, on_event=bars, **options)
    if as_json:
        print_data(json.dumps({**run.metrics, "run": str(run.folder)}, ensure_ascii=False))
    _summarise(run.metrics, run.folder)


@app.command()
def demo(
    out: Annotated[
        Path | None, typer.Option(help="Run folder to write. Default: runs/elpv, numbered.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on 2,624 real photos of solar cells; nothing to download beyond the install.

    The set shows why scores need care: cells of one module lie side by side in file order.
    """
    say("Which solar cells are defective? 2,624 electroluminescence photos (elpv-dataset).")
    _train("builtin:elpv", out, False, as_json)


@app.command()
def check(
    data: Data,
    backbone: OneBackbone = DEFAULT,
    seed: Seed = 0,
    device: Device = "auto",
    strict: Strict = False,
    groups: Groups = None,
    groups_from: GroupsFrom = None,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Look for what a score would hide: copies, damage, imbalance, order, too few images."""
    from headstart.jobs.check import check

    with Bars() as bars:
        found = check(
            data,
            backbone=backbone,
            seed=seed,
            device=device,
            strict=strict,
            groups=groups,
            groups_from=groups_from,
            x=x,
            y=y,
            encoding=encoding,
            on_event=bars,
        )
    if as_json:
        print_data(json.dumps(found, ensure_ascii=False))
        return
    counts = found["n"]
    say(f"\n{counts['train']} images to train on, {counts['test']} to test on:")
    for name, count in counts["per_class"].items():
        say(f"  {count:>6}  {escape(name)}")
    show_findings(found["findings"])


@app.command()
def rank(
    data: Data,
    backbones: Annotated[
        str,
        typer.Option(
            metavar="A,B,...", help="Which to compare; auto: all usable here without a network."
        ),
    ] = "auto",
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    size: Size = None,
    seed: Seed = 0,
    device: Device = "auto",
    balanced: Balanced = False,
    strict: Strict = False,
    groups: Groups = None,
    groups_from: GroupsFrom = None,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Compare backbones on your images: accuracy with its doubt, and cost; ties are ties.

    For example: headstart rank photos/ --backbones efficientnet-lite0,timm:resnet18.a1_in1k
    """
    found = _study("rank", **dict(locals()))
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    for title in ("", "backbone", "accuracy (95 %)", "behind", "s/1,000"):
        table.add_column(title, no_wrap=True)
    for b in found["backbones"]:
        low, high = b["accuracy_ci95"]
        note = "use it" if b["name"] == found["recommended"] else "tie" if b["tie"] else ""
        table.add_row(
            note,
            escape(b["name"]),
            f"{b['accuracy']:.1%} ({100 * low:.1f}–{100 * high:.1f})",
            f"{100 * b['behind']:.1f}",
            f"{b['seconds_per_1000']:.1f}",
        )
    _show_study(found, table, found["sentence"])


@app.command()
def layers(
    data: Data,
    backbone: OneBackbone = DEFAULT,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    size: Size = None,
    seed: Seed = 0,
    device: Device = "auto",
    balanced: Balanced = False,
    strict: Strict = False,
    groups: Groups = None,
    groups_from: GroupsFrom = None,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Probe every layer of a backbone: see how far its knowledge carries over to your images.

    For example: headstart layers photos/
    """
    found = _study("layers", **dict(locals()))
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    for title in ("layer", "numbers", "accuracy", "95 % interval", "behind", "depth", "MB/1,000"):
        table.add_column(title, no_wrap=title == "layer")
    table.add_column("")
    for layer in found["layers"]:
        low, high = layer["accuracy_ci95"]
        cache = layer["cache_mb_per_1000"]
        table.add_row(
            escape(layer["name"]),
            str(layer["dim"]),
            f"{layer['accuracy']:.1%}",
            f"{low:.1%}–{high:.1%}",
            f"{100 * layer['behind']:.1f}",
            f"{layer['depth']:.0%}",
            "" if cache is None else f"{cache:.0f}",
            "tie" if layer["tie"] else "",
        )
    if found["combined"]:
        low, high = found["combined"]["accuracy_ci95"]
        table.add_row(
            "combination",
            str(found["combined"]["features"]),
            f"{found['combined']['accuracy']:.1%}",
            f"{low:.1%}–{high:.1%}",
        )
    _show_study(found, table, found["advice"])


@app.command()
def curve(
    data: Data,
    backbone: OneBackbone = DEFAULT,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    size: Size = None,
    seed: Seed = 0,
    device: Device = "auto",
    balanced: Balanced = False,
    strict: Strict = False,
    groups: Groups = None,
    groups_from: GroupsFrom = None,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Measure accuracy against the number of labels, with transfer and without; look ahead.

    For example: headstart curve photos/
    """
    found = _study("curve", **dict(locals()))
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    for title in ("labels per class", "with transfer", "95 % interval", "without", "95 % interval"):
        table.add_column(title)
    for p in found["points"]:
        (low, high), (least, most) = p["transfer_ci95"], p["baseline_ci95"]
        table.add_row(
            f"{p['per_class']:g}",
            f"{p['transfer']:.1%}",
            f"{low:.1%}–{high:.1%}",
            f"{p['baseline']:.1%}",
            f"{least:.1%}–{most:.1%}",
        )
    said = [found["forecast"]["sentence"]] if found["forecast"] else []
    _show_study(found, table, " ".join([*said, found["worth"]["sentence"]]))


def _study(name: str, *, as_json: bool, **options: Any) -> dict[str, Any] | None:
    """Carry out a study; None where it was printed as JSON, else what is to be shown."""
    import headstart as hs

    with Bars() as bars:
        found: dict[str, Any] = getattr(hs, name)(on_event=bars, **options)
    if not as_json:
        return found
    print_data(json.dumps(found, ensure_ascii=False))
    say(f"Report: {Path(found['folder']) / 'report.html'}")
    return None


def _show_study(found: dict[str, Any], table: Table, sentence: str) -> None:
    say("")
    err.print(table)
    say(f"\n[bold]{escape(sentence)}[/]")
    say(f"{found['n']} images; {escape(found['protocol'])}.")
    say(f"Report: {Path(found['folder']) / 'report.html'}")


@app.command()
def predict(
    run: RunFolder,
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Images, folders, globs, tables.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write here (.csv or .jsonl) instead of stdout.")
    ] = None,
    x: XColumn = None,
    encoding: Encoding = "utf-8",
    adapt: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="Adapt to all inputs together before answering for any: bn (batch norm "
            "statistics), tent (bn, and surer answers), statistics (of the embeddings). For many "
            "inputs of all classes from elsewhere; undone where it looks unsafe.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict images: one row per input, in order."""
    from headstart.folder.files import write_rows
    from headstart.run import Run

    if out is not None and out.suffix.lower() not in (".csv", ".jsonl", ".ndjson"):
        raise ConfigError(f"--out {str(out)!r} is neither .csv nor .jsonl.", "Name it one of them.")
    loaded = Run(run)
    with Bars() as bars:
        predictions = loaded.predict(inputs, x=x, encoding=encoding, adapt=adapt, on_event=bars)
    bad = [p for p in predictions if p.error]
    if bad:
        say(
            f"[yellow]![/] {len(bad)} of {len(predictions)} inputs cannot be read "
            f"(first: {escape(bad[0].path)}: {escape(bad[0].error)})."
        )
    rows = loaded.rows(predictions)
    if out is not None:
        write_rows(rows, out)
        say(f"{len(rows)} predictions are in {out}")
    if as_json:
        print_data(json.dumps({"predictions": rows}, ensure_ascii=False))
    elif out is None:
        _print_csv(rows)


@app.command()
def evaluate(
    run: RunFolder,
    data: Data,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Score a model on labelled data it has not seen."""
    from headstart.run import Run

    loaded = Run(run)
    with Bars() as bars:
        found = loaded.evaluate(data, x=x, y=y, encoding=encoding, on_event=bars)
    if as_json:
        print_data(json.dumps(found, ensure_ascii=False))
        return
    low, high = found["accuracy_ci95"]
    say(
        f"\nAccuracy {found['accuracy']:.1%} on {found['n']} images "
        f"(95 % interval {low:.1%} to {high:.1%})."
    )
    say(
        f"Balanced accuracy {found['balanced_accuracy']:.1%}, macro F1 {found['macro_f1']:.3f}, "
        f"log loss {found['log_loss']:.3f}, calibration error {found['ece']:.3f}."
    )
    if found["seen_in_training"]:
        say(
            f"[yellow]![/] {found['seen_in_training']} of these images were trained on: this is "
            "not how the model does on new ones."
        )
    if found["skipped"]:
        say(f"[yellow]![/] {found['skipped']} files could not be read and were left out.")


@app.command()
def report(run: RunFolder) -> None:
    """Render a run's report.html and figures afresh."""
    from headstart.run import Run

    print_data(str(Run(run).report()))


@app.command()
def backbones(
    like: Annotated[
        str, typer.Option(metavar="PATTERN", help="Shell-style, e.g. `*resnet50*`: search all.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List backbones usable now without a network; with --like, search all there are."""
    from headstart.backbones import available

    pattern = like if not like or any(c in like for c in "*?[") else f"*{like}*"
    rows = available(pattern or "*", everything=bool(like))
    if as_json:
        keys = ("name", "summary", "licence", "parameters", "available")
        print_data(json.dumps([{k: getattr(r, k) for k in keys} for r in rows]))
        return
    if not rows:
        raise ConfigError(f"No backbone is like {like!r}.", "Try a shorter pattern.")
    table = Table(box=None, header_style="bold")
    table.add_column("name", no_wrap=True)
    for title in ("here", "parameters", "notes", "licence"):
        table.add_column(title)
    for row in rows:
        size = f"{row.parameters / 1e6:.1f} M" if row.parameters else ""
        table.add_row(row.name, "✓" if row.available else "", size, row.summary, row.licence)
    Console().print(table)
    say(
        "\n✓ usable now without a network; the others are downloaded on first use."
        if like
        else "\nThese need no network. `--like '*resnet*'` searches all others."
    )


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete everything in it.")] = False,
    as_json: Json = False,
) -> None:
    """Show or clear the cache of features, converted networks and unpacked data."""
    import shutil

    from headstart.features.store import FeatureStore
    from headstart.machine import cache_folder

    folder = cache_folder()
    if clear:
        for name in ("activations", "engines", "archives", "datasets"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for path in folder.glob("features.sqlite*"):
            path.unlink(missing_ok=True)
    with FeatureStore(folder) as store:
        entries = store.summary().entries
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    if as_json:
        print_data(json.dumps({"folder": str(folder), "entries": entries, "bytes": size}))
    else:
        say(f"{folder}: {entries:,} cached entries, {size / 1e6:,.0f} MB on disk.")


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


def _show_candidates(metrics: dict[str, Any]) -> None:
    """Show what was tried and why one was kept."""
    if len(metrics["candidates"]) < 2:
        return
    table = Table(box=None, header_style="bold")
    for title in ("method", "accuracy", "seconds", ""):
        table.add_column(title, no_wrap=title == "method")
    for c in metrics["candidates"]:
        accuracy = "" if c["accuracy"] is None else f"{c['accuracy']:.1%}"
        took = "" if c["seconds"] is None else f"{c['seconds']:.0f}"
        note = "kept" if c["chosen"] else c["reason"] or ""
        table.add_row(escape(c["name"]), accuracy, took, escape(note))
    say("")
    err.print(table)
    say(escape(metrics["choice"]["sentence"]))


def _summarise(metrics: dict[str, Any], folder: Path) -> None:
    estimate, n = metrics["estimate"], metrics["n"]
    low, high = estimate["accuracy_ci95"]
    show_findings(metrics["findings"])
    _show_candidates(metrics)
    say(
        f"\n[bold]Accuracy {estimate['accuracy']:.1%}[/] (95 % interval {low:.1%} to {high:.1%}; "
        f"{estimate['protocol']})."
    )
    if metrics["label_issues"]["rows"]:
        sentence = metrics["label_issues"]["sentence"].partition(" In a trial")[0]
        say(f"[yellow]![/] {escape(sentence)} See {folder / 'label_issues.csv'}.")
    _say_when_it_abstains(metrics["abstention"])
    colour = {"helps": "green", "hurts": "red"}.get(metrics["verdict"]["decision"], "yellow")
    say(f"[bold {colour}]Verdict:[/] {escape(metrics['verdict']['sentence'])}")
    timing = metrics["timing"]
    say(
        f"\n{n['train'] + n['test']} images, {timing['total_s']:.1f} s "
        f"({timing['forward_examples']} forward passes, {timing['cache_hits']} from the cache)."
    )
    say(f"Report: {folder / 'report.html'}")
    say(f"Predict: headstart predict {folder} IMAGES...")


def _say_when_it_abstains(found: dict[str, Any]) -> None:
    if found["wanted_error"] is None:
        return
    wanted = f"{found['wanted_error']:.1%} wrong answers"
    if found["threshold"] is None:
        say(f"[yellow]![/] No confidence is high enough to promise at most {wanted}.")
        return
    error = "" if found["error"] is None else f", of which {found['error']:.1%} were wrong"
    say(
        f"For at most {wanted} it is silent below a confidence of {found['threshold']:.0%}; of "
        f"held-out images it answered {found['coverage']:.1%}{error}."
    )


def show_findings(findings: list[dict[str, Any]]) -> None:
    """Print what the checks noticed, one line each."""
    if findings:
        say("")
    for finding in findings:
        mark = "[yellow]![/]" if finding["severity"] == "warning" else "[dim]·[/]"
        say(f"{mark} {escape(finding['message'])}")


def _print_csv(rows: list[dict[str, Any]]) -> None:
    import csv
    import io

    out = io.StringIO()
    table = csv.DictWriter(out, rows[0] if rows else ["path"], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    print_data(out.getvalue().rstrip("\n"))
