"""The model card of a run: what a stranger must know, in the form that Hugging Face's hub reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from headstart import notation
from headstart.folder.nameless import BUILTIN, Names, without_names
from headstart.report import adaptation_words, label_words, trust_words, words
from headstart.report.facts import Facts
from headstart.report.licences import forbids_trade, is_unknown, on_the_hub
from headstart.report.use import snippets
from headstart.said import _, _n, number

HERE = Path(__file__).parent
TEMPLATE = "card.md.j2"
KINDS = {"array": "tabular", "audio": "audio", "image": "image", "text": "text"}
"""What the hub calls the modalities, in the names of its tasks."""
SCORES = {
    "accuracy": "accuracy_ci95",
    "balanced_accuracy": "",
    "macro_f1": "",
    "micro_f1": "",
    "average_precision": "",
    "log_loss": "",
    "ece": "ece_ci95",
}
"""What of an estimate is shown, with its interval where that was measured."""
MOST = 200
"""So many classes are listed with their numbers."""


def compose(facts: Facts, name: str = "") -> str:
    """Return the card: metadata between ``---`` lines, then text in the language that is spoken.

    Never names a file of the data, nor the data themselves unless they are public.

    Parameters
    ----------
    name : str, optional
        Of the model, or of its repository; default: that of the run folder.
    """
    name = name or facts.name
    names = Names.of(facts.metrics, facts.run, facts.split)
    metrics, _places = without_names(facts.metrics, names)
    text = _environment().get_template(TEMPLATE).render(
        name=name,
        repository=name if re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII) else "",
        facts=facts,
        m=metrics,
        unit=facts.unit,
        network=names.hidden(facts.card.name),
        source=names.hidden(facts.card.source),
        headline=_headline(facts),
        public=public(facts),
        scores=_scores(metrics["estimate"]),
        counts=list(metrics["n"].get("per_class", {}).items())[:MOST],
        weighty=words.weighed(metrics["findings"])[0],
        expectation=_expectation(facts),
        explained=_explained(facts),
        closed=forbids_trade(facts.card.licence),
        unknown=is_unknown(facts.card.licence),
        snippets=snippets(name.rpartition("/")[2], facts.unit, files=facts.in_files),
        versions={k: v for k, v in facts.run["versions"].items() if k != "headstart"},
        words=words,
        doubted=trust_words,
    )  # fmt: skip
    body = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"---\n{_metadata(facts, name)}\n---\n\n{body}\n"


def public(facts: Facts) -> str:
    """Return the name of the data, where it is one of the public sets."""
    name = str(facts.run["config"]["data"])
    return name if name.startswith(BUILTIN) else ""


def _metadata(facts: Facts, name: str) -> str:
    """Write the block that the hub reads; its words are the hub's, in every language."""
    from huggingface_hub.repocard_data import EvalResult, ModelCardData  # a quarter of a second

    kind = KINDS.get(facts.metrics.get("modality", "image"))
    task = f"{kind}-classification" if kind else None
    estimate = facts.metrics["estimate"]
    low, high = estimate["accuracy_ci95"]
    result = EvalResult(
        task_type=task or "classification",
        dataset_type=public(facts).removeprefix(BUILTIN) or "private",
        dataset_name=public(facts).removeprefix(BUILTIN) or "held-out part of the author's data",
        metric_type="accuracy",
        metric_value=round(float(estimate["accuracy"]), 4),
        metric_name=f"accuracy (95 % interval {low:.4f} to {high:.4f})",
    )
    licence = on_the_hub(facts.card.licence)
    data = ModelCardData(
        license=licence["license"],
        license_name=licence.get("license_name"),
        library_name="headstart",
        pipeline_tag=task,
        tags=["headstart", "transfer-learning", *(["multi-label"] if facts.several else [])],
        base_model=base_model(facts.card.name, facts.card.source),
        model_name=name.rpartition("/")[2],
        eval_results=[result],
    )
    return str(data.to_yaml(line_break="\n"))


def base_model(backbone: str, source: str) -> str | None:
    """Return what the hub calls a backbone; None where it does not come from there.

    Parameters
    ----------
    backbone, source : str
        Its name with the provider, and where its weights come from.

    Examples
    --------
    >>> base_model("hf:bert-base-chinese", "bert-base-chinese")
    'bert-base-chinese'
    >>> base_model("timm:resnet18.a1_in1k", "timm/resnet18.a1_in1k")
    'timm/resnet18.a1_in1k'
    >>> base_model("hf:tiny", "/home/ann/tiny"), base_model("embedded:minilm-l6", "package")
    (None, None)
    """
    provider, _colon, name = backbone.partition(":")
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", name) or "+" in backbone:
        return None
    if provider == "timm":  # only what has a tag has weights that timm publishes
        return f"timm/{name}" if "." in name else None
    return name if provider == "hf" and source == name else None


def _headline(facts: Facts) -> str:
    if facts.adaptation:
        return adaptation_words.headline(facts.adaptation)
    return words.headline(facts.metrics["verdict"], learned=facts.card.learned)


def _expectation(facts: Facts) -> str:
    estimate = facts.metrics["estimate"]
    if facts.several:
        return label_words.expectation(estimate, facts.unit)
    return words.expectation(estimate, facts.unit)


def _explained(facts: Facts) -> str:
    """Explain cross-validation; a test set needs no explanation, and its words are its owner's."""
    protocol = facts.metrics["estimate"]["protocol"]
    if "folds" not in words.in_english(protocol):
        return ""
    return words.protocol(protocol, facts.unit, trained=facts.training is not None)


def _scores(estimate: dict[str, Any]) -> list[tuple[str, str, str]]:
    """List the scores: what it is, its value, its interval or nothing."""
    called = {
        "accuracy": _("accuracy"),
        "balanced_accuracy": _("balanced accuracy"),
        "macro_f1": _("macro F1"),
        "micro_f1": _("micro F1"),
        "average_precision": _("average precision"),
        "log_loss": _("log loss"),
        "ece": _("calibration error"),
    }
    rows: list[tuple[str, str, str]] = []
    for key, interval in SCORES.items():
        if estimate.get(key) is None:
            continue
        spec = "z.3f" if key == "log_loss" else "z.1%"
        low, high = estimate.get(interval) or (None, None)
        both = "" if low is None else _("{low:z.1%} to {high:z.1%}", low=low, high=high)
        rows.append((called[key], number(estimate[key], spec), both))
    return rows


def plain(text: object) -> str:
    r"""Write text so that Markdown shows it as it is, on one line.

    Examples
    --------
    >>> print(plain("a_cat | <b>\n"))
    a\_cat \| \<b\>
    """
    if isinstance(text, Markup):
        return text
    return re.sub(r"([\\`*_\[\]#|<>~&])", r"\\\1", " ".join(str(text).split()))


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=False,
        finalize=plain,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"_": _, "_n": _n}
    environment.filters["percent"] = notation.percent
    environment.filters["code"] = _code
    return environment


def _code(text: str) -> Markup:
    """Write lines of code as they are; none ends the block they stand in."""
    return Markup(text.replace("```", "'''"))
