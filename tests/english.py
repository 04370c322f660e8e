"""English in Chinese text: the words that are left when names, units and code are taken out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

CODE = re.compile(
    r"`[^`]*`|'[^'\u4e00-\u9fff]*'"  # code, and what somebody typed
    r"|\b(headstart|find) (?!failed)[^\u4e00-\u9fff│]*"  # a command with all its words
    r"|--?[a-z][a-z-]*( [a-z-]+)?"  # options, with their values
    r"|[\w.-]+[#:][\w.#:-]+…?"  # names with what they belong to: timm:resnet18
    r"|[\w*.:~{}-]*[/\\][\w*.:/\\~{}-]*"  # paths
    r"|\w[\w-]*\.\w[\w.]*|\w+\(\)"  # files, modules, calls
    r"|\b\w*[\d_]\w*(-\w+)*\b"  # names with digits or underscores: f1, lite0, run_2
    r"|\b[A-Z][A-Z]+s?\b"  # abbreviations and what stands for a value: CSV, DATA
    r"|\{[^{}]*\}"  # placeholders
    r"|<[^<>]*>|&\w+;|\[[a-z ]+\]"  # tags
)
WORD = re.compile(r"[A-Za-z]{2,}")
NAMES = """
    headstart python torch numpy openvino timm torchvision sklearn scikit learn scipy jupyter pillow
    pot windows linux macos apache mit cuda jpeg parquet safetensors english
    efficientnet lite resnet sequential embedded embedding array identity image logme adam adamw
    coral tent mixup cutmix mcnemar holm wilson brier beta bitfit centroid knn shot dann wise alpha
    sgd nadeau bengio hamming lanczos hugging face hub imagenet sentinel postscript pandas mib gib
    ctrl tf idf bert lora minilm multilingual snownlp transformers gb sst iso unicode html
    http kserve onnx onnxruntime mlflow
    grouplens movielens recbole recall ndcg whisper espeak ng hz nan db quicktime specaugment
    chrf sacrebleu npm tgz
"""
"""Names, which are the same in every language."""
TYPED = """
    train adapt recommend keywords keys translate compare enrol identify export verify check
    predict evaluate report rank layers curve backbones push pull cache demo tiny
    auto all builtin probe finetune full scratch small cnn none mirror flips crops pad colour
    randaugment cosine one cycle constant frozen bias norm last blocks stage co tuning bss bn
    statistics prototypes label en zh csv txt tar zip utf
    dtd elpv eurosat gtsrb mnist pets svhn usps
    file state dict tsv jsonl npz npy rows columns path len val test latin pip install true false
    weights mean std levels cpu study selection provider name
    mix contrastive lora labels pairs multilabel classification images text sentence review
    user item rating time title genres year description
    sound spoken noise shift gain start end channels implicit target both serve
    tagging tokens tags conll viterbi
"""
"""What can be typed, or stands in a file: commands, values, keys, columns, sets of images."""


def english(text: str, more: str = "") -> list[str]:
    """List English words in a text, but for names, of which there may be ``more``."""
    names = f"{NAMES} {more}".split()
    return [word for word in WORD.findall(CODE.sub(" ", text)) if word.lower() not in names]


class _Visible(HTMLParser):
    """Collects what a page says: no code, no names of the user's, which pages mark."""

    SILENT = frozenset({"script", "style", "code", "pre", "kbd", "samp", "bdi"})
    SAID = frozenset({"alt", "title", "aria-label", "placeholder", "content"})
    VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        silent = tag in self.SILENT or given.get("translate") == "no"
        if not any(self._open) and not silent and tag != "meta":
            self.found += [given[name] or "" for name in self.SAID if name in given]
        if tag not in self.VOID:
            self._open.append(silent)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._open) and data.strip():
            self.found.append(data.strip())


def visible(page: str) -> list[str]:
    """List what a page says, piece by piece."""
    reader = _Visible()
    reader.feed(page)
    return reader.found
