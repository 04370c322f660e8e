"""Texts taken apart, shown, and laid into a page, hostile ones too."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from conftest import whole
from headstart.backbones import resolve
from headstart.data.items import Cells, Examples
from headstart.judge.explain import explain, few_parts, integrity
from headstart.judge.maps import embedder_of
from headstart.modalities import modality
from headstart.modalities.text.look import Tokens
from headstart.modalities.text.parts import FEWEST, MOST, WordParts, pieces
from headstart.modalities.text.show import SHOWN, ShowTexts
from headstart.report.use import snippets
from headstart.transfer import FittedModel
from headstart.transfer.heads import LinearHead
from test_report import Page

TEXT = modality("text")
HOSTILE = {
    "script": "bad </script><script>document.title = 'broken'</script> room",
    "markup": "good <img src=x onerror=\"document.title='broken'\"> food &amp; {{ 7 * 7 }}",
    "turned": "good \u202efood txt.exe\u2066 room",
    "empty": "bad \u200b\u200d\ufeff room",
    "faces": "good 😀👩‍👩‍👧‍👦 food, שלום and سلام",
    "long": "bad slow room, very bad. " * 4000,
    "formula": '=HYPERLINK("http://x.y","good")',
}


# ---- parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good food, bad service!", ["Good ", "food, ", "bad ", "service!"]),
        ("很好吃，但慢", ["很", "好", "吃，", "但", "慢"]),
        ("  (Hi) don't 😀 ok", ["  (Hi) ", "don't ", "😀 ", "ok"]),
        ("हिन्दी भाषा", ["हिन्दी ", "भाषा"]),
        ("このカメラ", ["こ", "の", "カメラ"]),
        ("...", ["..."]),
        ("", [""]),
    ],
)
def test_a_text_falls_into_words(text: str, words: list[str]) -> None:
    assert list(pieces(text, MOST)) == words


def test_a_long_text_has_few_parts(tiny_bert: str) -> None:
    look = resolve(tiny_bert).load().card.look
    assert isinstance(look, Tokens)
    parts = WordParts()
    seen = parts.of(HOSTILE["long"], look)
    assert len(seen.pieces) == FEWEST
    assert look.counted("".join(seen.pieces)) >= look.room  # what is read is all taken apart
    assert len("".join(seen.pieces)) < len(HOSTILE["long"]) / 4  # and what is not is left alone
    nothing = np.zeros(parts.shape(seen), bool)
    assert np.array_equal(parts.without(seen, nothing), look(HOSTILE["long"]))


def test_the_word_that_decides_is_marked(tiny_bert: str) -> None:
    """A head that hears one direction of the embedding, that in which the word "bad" lies."""
    backbone = resolve(tiny_bert).load()
    look, network = backbone.card.look, embedder_of(backbone)

    def embedded(*texts: str) -> np.ndarray:
        return network.embed(look.batch([look(t) for t in texts]))

    rows = [
        f"{a} {b} food {c}" for a in ("very", "not") for b in ("bad", "good") for c in ("a", "b")
    ]
    X = embedded(*rows)
    way = np.array([" bad" in row for row in rows]) * 2.0 - 1
    w = 40 * np.linalg.lstsq(X - X.mean(0), way, rcond=None)[0]
    head = LinearHead(np.stack([-w, w], axis=1), np.array([1, -1]) * (X.mean(0) @ w))
    model = FittedModel("probe", head, 1.0, ("good", "bad"))
    examples = Examples(tuple("abc"), Cells((rows[0], rows[1], rows[4])), TEXT)
    assert few_parts(examples, [0, 1, 2], look)
    found = explain(examples, [0, 1, 2], model, network)
    assert [e.target for e in found] == [1, 1, 1]
    for e in found:
        assert e.seen.pieces[int(e.weight.argmax())] == "bad "
    figures = integrity(found, model, network, TEXT)
    assert figures is not None and figures["covered_drop"] > figures["elsewhere_drop"]


# ---- records -----------------------------------------------------------------------------------


def test_records_are_short_and_say_their_language(tiny_bert: str) -> None:
    show, look = ShowTexts(), resolve(tiny_bert).load().card.look
    x = HOSTILE["long"]
    d = TEXT.digest(x)
    assert [len(r["text"]) for r in (show.large(x), show.stand_in(d))] == [SHOWN, SHOWN]
    assert show.point(d)["lang"] == "en"
    assert show.large("one\r\n  two\tthree\n") == {"text": "one\ntwo three"}
    seen = WordParts().of(x, look)
    weight = np.linspace(0, 1, len(seen.pieces))
    record = show.marked(seen, weight)
    assert len(record["text"]) < SHOWN + 20
    assert record["text"] == "".join(span["text"] for span in record["spans"])
    assert record["spans"][0] == {"text": " … ", "weight": 0.0}  # the lightest were left out
    assert max(span["weight"] for span in record["spans"]) == 1


# ---- the page ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tiny_bert: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on texts some of which mean harm, judged and explained as users have it."""
    folder = tmp_path_factory.mktemp("texts")
    draw = np.random.default_rng(0)
    rows = []
    for i in range(44):
        label = ("bad", "good")[i % 2]
        others = draw.choice(["food", "room", "very", "not", "a", "the", "is", "was"], 9)
        rows.append((f"{label if i % 11 else ''} {' '.join(others)} {i}", label))
    rows += [(text, "good" if "good" in text else "bad") for text in HOSTILE.values()]
    with (folder / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    with whole():
        return hs.train(
            folder / "reviews.csv", backbone=tiny_bert, method="probe", out=folder / "run"
        ).folder


def test_hostile_texts_stand_on_the_page_as_texts(run: Path) -> None:
    source = (run / "report.html").read_text("utf-8")
    page = Page(source)
    assert source.count("<script") == source.count("</script>") == 1
    assert "<img src=x" not in source
    shown = json.loads((run / "pictures.json").read_text("utf-8"))
    points = [p["text"] for p in shown["map"]["points"]]
    for text in HOSTILE.values():
        kept = " ".join(TEXT.read(text.encode()).split())[:60]
        assert any(kept in point or point.startswith(kept) for point in points), kept
    assert len(source) < 2_000_000  # a text of 100,000 characters is there by its beginning
    written = " ".join(page.text().split())
    assert "Held-out texts that it got wrong or was least sure of." in written
    assert "texts, covering the fifth that the map marks" in written
    assert "The network does not know" not in written


def test_the_page_tells_how_to_use_a_table_of_texts(run: Path) -> None:
    source = (run / "report.html").read_text("utf-8")
    said = snippets("run", TEXT.unit, files=False)["shell"]
    assert said == "headstart predict run new_texts.csv --out answers.csv"
    assert said in source


def test_explained_texts_are_in_the_record(run: Path) -> None:
    shown = json.loads((run / "pictures.json").read_text("utf-8"))
    assert len(shown["explanations"]) >= 6
    for e in shown["explanations"]:
        weights = [span["weight"] for span in e["spans"]]
        assert max(weights) == 1 and min(weights) >= 0
    tested = json.loads((run / "metrics.json").read_text("utf-8"))["explanations"]
    assert tested["images"] == len(shown["explanations"])


def test_a_browser_shows_texts_and_nothing_breaks(run: Path) -> None:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no browser")
    playwright = pytest.importorskip("playwright.sync_api")
    trouble: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for width in (360, 1200):
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.on("console", lambda message: trouble.append(message.text))
            page.on("pageerror", lambda error: trouble.append(str(error)))
            page.goto((run / "report.html").as_uri())
            assert page.title() != "broken"
            page.evaluate(
                "document.querySelectorAll('details:not(.text)').forEach(d => d.open = 1)"
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.locator('.point[tabindex="0"]').focus()
            seen = {page.locator("#peek").inner_text()}
            for key in ("ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp") * 3:
                page.keyboard.press(key)
                seen.add(page.locator("#peek").inner_text())
            assert any("food" in text for text in seen)
            marked = page.locator("#looks mark")
            assert marked.count() >= 6
            folded = page.locator("#gallery details.text").first
            if folded.count():
                low = folded.bounding_box()["height"]
                folded.locator("summary").click()
                assert folded.bounding_box()["height"] > low
        browser.close()
    assert trouble == []
