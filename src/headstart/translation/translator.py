"""A network with its tokenizer, and how sentences go in and translations come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.errors import ConfigError
from headstart.said import _, listed

LONGEST = 128
"""Tokens of a sentence; what is longer is cut when it is translated, and not learned from."""
BEAM = 4
AT_ONCE = 32
"""Sentences that are translated together."""
T5 = ("t5", "mt5", "umt5", "longt5", "switch_transformers")
"""Networks that are told in words what to do."""
Progress = Callable[[int, int], None]


@dataclass
class Translator:
    """Translates sentences of one language into another.

    Attributes
    ----------
    model, tokenizer
        Of ``transformers``.
    name : str
        ``"tiny"``, or ``hf:NAME``.
    languages : (str, str)
        ISO 639-1 codes, or those of the network; "" where they are not known.
    known : tuple of (str, float)
        Of the small network: the pieces of the source's language, with their scores.
    """

    model: Any
    tokenizer: Any
    name: str
    languages: tuple[str, str]
    known: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        self._codes = _codes(self.tokenizer, self.languages, self.name)
        if self._codes is not None:
            self.tokenizer.src_lang, self.tokenizer.tgt_lang = self._codes

    @property
    def small(self) -> bool:
        """Whether it is our own small network."""
        return self.name == "tiny"

    @property
    def parameters(self) -> int:
        """Weights in it."""
        return sum(p.numel() for p in self.model.parameters())

    @property
    def longest(self) -> int:
        """Tokens of a sentence that it takes, at most."""
        places = getattr(self.model.config, "max_position_embeddings", None)
        return min(LONGEST, places or LONGEST)

    def unknown(self, sides: Sequence[Sequence[Sequence[int]]]) -> tuple[float, ...]:
        """Return the share of tokens that stand for what it does not know, of each side."""
        number = self.tokenizer.unk_token_id
        counted = [[ids.count(number) for ids in map(list, side)] for side in sides]
        return tuple(
            sum(counts) / max(sum(map(len, side)), 1)
            for counts, side in zip(counted, sides, strict=True)
        )

    @property
    def prefix(self) -> str:
        """What is put before a sentence: a task, for networks that want one."""
        if self.model.config.model_type not in T5:
            return ""
        tasks = getattr(self.model.config, "task_specific_params", None) or {}
        key = "translation_{}_to_{}".format(*self.languages)
        told = (tasks.get(key) or {}).get("prefix")
        if told:
            return str(told)
        return "translate {} to {}: ".format(*map(_in_english, self.languages))

    def fed(self, sources: Sequence[str]) -> list[list[int]]:
        """Return the tokens of sentences, however many."""
        texts = [self.prefix + text for text in sources]
        return [list(ids) for ids in self.tokenizer(texts)["input_ids"]]

    def wanted(self, targets: Sequence[str]) -> list[list[int]]:
        """Return the tokens of translations, however many."""
        return [list(ids) for ids in self.tokenizer(text_target=list(targets))["input_ids"]]

    def translate(
        self,
        sources: Sequence[str],
        *,
        beam: int = BEAM,
        on_done: Progress = lambda *_: None,
    ) -> list[str]:
        """Translate sentences, in order.

        What has more tokens than the network takes is cut.

        Parameters
        ----------
        beam : int, from 1
            Translations that are followed at once.
        on_done : callable
            Hears how many of how many are done.
        """
        import torch

        longest = self.longest
        fed = [_cut(ids, longest) for ids in self.fed(sources)]
        order = sorted(range(len(fed)), key=lambda i: len(fed[i]))
        answers = [""] * len(fed)
        self.model.eval()
        pad = self.tokenizer.pad_token_id
        for start in range(0, len(order), AT_ONCE):
            rows = order[start : start + AT_ONCE]
            ids, there = padded([fed[i] for i in rows], pad)
            with torch.inference_mode():
                out = self.model.generate(
                    input_ids=ids,
                    attention_mask=there,
                    num_beams=beam,
                    do_sample=False,
                    max_length=min(longest, 3 * ids.shape[1] + 20),
                    **self._forced(),
                )
            texts = self.tokenizer.batch_decode(out, skip_special_tokens=True)
            for i, text in zip(rows, texts, strict=True):
                answers[i] = text.strip()
            on_done(min(start + AT_ONCE, len(order)), len(order))
        return answers

    def _forced(self) -> dict[str, Any]:
        """Say in which language to begin, to networks that know several."""
        if self._codes is None:
            return {}
        code, numbers = self._codes[1], getattr(self.tokenizer, "lang_code_to_id", None) or {}
        number = numbers.get(code, self.tokenizer.convert_tokens_to_ids(code))
        return {"forced_bos_token_id": number}


def padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[Any, Any]:
    """Lay tokens into a rectangle: ids and what is there, both (n, longest)."""
    import torch

    widest = max(map(len, rows))
    ids = torch.full((len(rows), widest), pad)
    there = torch.zeros((len(rows), widest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        there[i, : len(row)] = 1
    return ids, there


def _cut(ids: list[int], longest: int) -> list[int]:
    """Cut to so many tokens; the last, which ends a sentence, stays."""
    return ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]


def _codes(tokenizer: Any, languages: tuple[str, str], name: str) -> tuple[str, str] | None:
    """Return the network's own codes of the two languages; None where it has none to choose from.

    Raises
    ------
    ConfigError
        A language that it does not know, or that is not known.
    """
    if not hasattr(tokenizer, "src_lang"):
        return None
    known = [str(one) for one in _special(tokenizer)]
    codes = [_code(known, language) for language in languages]
    if all(codes):
        return codes[0], codes[1]
    missing = next(lang for lang, code in zip(languages, codes, strict=True) if not code)
    raise ConfigError(
        _("{name} does not know the language {language!r}.", name=name, language=missing),
        _("Name both with --source-language and --target-language; it knows for example {names}.",
          names=listed(known[:8])),
    )  # fmt: skip


def _special(tokenizer: Any) -> list[str]:
    """List a tokenizer's tokens that are no pieces of text."""
    extra = getattr(tokenizer, "extra_special_tokens", None) or []
    extra = list(extra.values()) if isinstance(extra, dict) else list(extra)
    return [*extra, *(getattr(tokenizer, "lang_code_to_id", None) or {})]


def _code(known: Sequence[str], language: str) -> str:
    """Find the token of a language among those of a network; "" where it is not there."""
    long = THREE.get(language, language)
    for form in (language, f"__{language}__", f"{long}_Hans", f"{long}_Latn"):
        found = next((one for one in known if one.casefold() == form.casefold()), None)
        if found:
            return found
    starts = (f"{language}_", f"{long}_")
    return next((one for one in known if one.casefold().startswith(starts)), "")


THREE = {
    "en": "eng", "zh": "zho", "fr": "fra", "de": "deu", "es": "spa", "it": "ita", "pt": "por",
    "ru": "rus", "ja": "jpn", "ko": "kor", "ar": "arb", "nl": "nld", "vi": "vie", "th": "tha",
    "tr": "tur", "pl": "pol", "uk": "ukr", "cs": "ces", "sv": "swe", "id": "ind", "hi": "hin",
}  # fmt: skip
"""Codes of three letters, with which NLLB's begin."""


def _in_english(code: str) -> str:
    """Return the English name of a language, as networks are told it."""
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(code.replace("-", "_")).get_language_name("en") or code)
    except (UnknownLocaleError, ValueError):
        return code
