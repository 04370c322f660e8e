"""The report: a page that is right, safe to open, the same every time, and works in a browser."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

import headstart as hs
from conftest import draw, whole
from given import IMAGE
from headstart.report import render, words
from headstart.report.charts import bar, embedding, gain, point_words
from headstart.report.facts import FEW, class_row, most_frequent, read
from headstart.report.figures import draw as draw_figures
from headstart.report.figures import plain
from headstart.report.page import compose, contents
from headstart.report.shown import lay_out, sample
from headstart.report.svg import tag, ticks
from headstart.report.use import snippets
from headstart.speaking import speaking

NASTY = (
    "<b>喵 & co/</b>",
    '"><script>document.title = "broken"</script>',
    "{{ 7 * 7 }} $x_1$ 🐈 " + "a very long name, " * 4 + "without an end",
)
CHARTS = ("baselines", "confusion", "learning_curve", "map", "reliability")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run on 42 drawn pictures whose classes have the names that break pages."""
    home = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(7)
    rows = []
    for kind, name in enumerate(NASTY):
        for i in range(14):
            path = home / f"{kind}-{i}.png"
            draw(kind, rng).save(path)
            rows.append((path.name, name))
    # Some wrong labels, so that the gallery of mistakes has something to show.
    for i in (0, 14, 28):
        rows[i] = (rows[i][0], NASTY[(i // 14 + 1) % 3])
    with (home / "table.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("path", "label"), *rows])
    with whole():
        return hs.train(home / "table.csv", out=home / "run <&>", method="probe").folder


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / run.name))


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and the text in each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = [""]
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in ("meta", "link", "input", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open.pop() != tag:
            pass

    def handle_data(self, data):
        self.texts.append((self._open[-1], data))

    def text(self) -> str:
        return " ".join(data for tag, data in self.texts if tag not in ("script", "style"))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def source(run: Path) -> str:
    return (run / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def predictions(run: Path) -> list[dict[str, str]]:
    with (run / "predictions.csv").open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


# The files


def test_training_writes_the_page_and_every_chart_twice(run):
    assert (run / "report.html").stat().st_size < 2_500_000
    names = {p.name for p in (run / "figures").iterdir()}
    assert names >= {f"{chart}.{kind}" for chart in CHARTS for kind in ("png", "svg")}
    assert names == set(dict(draw_figures(read(run, "run"))))
    for chart in CHARTS:
        with Image.open(run / "figures" / f"{chart}.png") as image:
            assert min(image.size) > 300
        drawing = ElementTree.parse(run / "figures" / f"{chart}.svg").getroot()
        assert drawing.tag.endswith("svg")


def test_the_same_run_gives_the_same_bytes(run, copy):
    before = {p.relative_to(copy): p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    assert render(copy) == copy / "report.html"
    after = {p.relative_to(copy): p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    assert after == before


def test_a_run_without_pictures_still_has_a_report(copy):
    (copy / "pictures.json").unlink()
    shutil.rmtree(copy / "figures")
    page = Page(render(copy).read_text("utf-8"))
    assert {e["id"] for e in page.all("section")} >= set(contents(read(copy, "run")))
    assert page.text().count("This run kept nothing to show.") == 2
    assert not (copy / "figures" / "map.png").exists()
    assert (copy / "figures" / "confusion.svg").exists()


def test_a_moved_run_is_called_by_its_new_name(copy):
    moved = copy.rename(copy.with_name("it's moved"))
    text = Page(render(moved).read_text("utf-8")).text()
    assert """headstart predict 'it'"'"'s moved' new_images/""" in text
    assert 'hs.load("it\'s moved")' in text


@pytest.mark.parametrize("missing", ["metrics.json", "predictions.csv", "model/model.json"])
def test_an_incomplete_run_is_refused_and_its_old_report_kept(copy, missing):
    before = (copy / "report.html").read_bytes()
    (copy / missing).unlink()
    with pytest.raises(hs.ArtifactError, match="cannot be read") as refused:
        render(copy)
    assert "train again" in refused.value.hint
    assert (copy / "report.html").read_bytes() == before


def test_a_damaged_table_of_predictions_is_refused(copy):
    (copy / "predictions.csv").write_text("path,label,predicted,p:a,fold\nx,nobody,a,1,0\n")
    with pytest.raises(hs.ArtifactError, match="nobody"):
        render(copy)


def test_drawing_leaves_matplotlib_as_it_was(run):
    import matplotlib

    before = dict(matplotlib.rcParams)
    assert len(list(draw_figures(read(run, "run")))) >= 2 * len(CHARTS)
    assert dict(matplotlib.rcParams) == before


# What the page says


def test_every_section_is_there_once_and_in_the_contents(run, page):
    ids = [e["id"] for e in page.all("section")]
    sections = contents(read(run, "run"))
    assert ids == list(sections)
    assert "training" not in sections and "tried" not in sections
    everything = Counter(a["id"] for _, a in page.elements if "id" in a)
    assert max(everything.values()) == 1
    links = {e["href"] for e in page.all("a")}
    assert {f"#{name}" for name in sections} <= links
    assert all(link.removeprefix("#") in everything for link in links)


def test_numbers_are_those_of_metrics_json(run, page):
    m = json.loads((run / "metrics.json").read_text("utf-8"))
    text = " ".join(page.text().split())
    estimate, verdict = m["estimate"], m["verdict"]
    low, high = estimate["accuracy_ci95"]
    assert f"95 % interval: {low:.1%} to {high:.1%}." in text
    assert f"{estimate['accuracy']:.1%}" in text
    assert f"balanced accuracy {estimate['balanced_accuracy']:.1%}" in text
    assert f"macro F1 {estimate['macro_f1']:.3f}" in text
    assert f"log loss {estimate['log_loss']:.3f}" in text
    assert f"by {100 * estimate['ece']:.1f} points (the calibration error" in text
    assert verdict["sentence"] in text
    assert f"{100 * verdict['gain']:+.1f} points" in text
    for rival in m["baselines"]:
        assert rival["name"] in text
        assert f"{rival['accuracy']:.1%}" in text
    for finding in m["findings"]:
        if finding["kind"] != "order" or finding["severity"] != "warning":
            assert finding["message"] in text


def test_the_confusion_matrix_is_that_of_the_predictions(run, source):
    facts = read(run, "run")
    rows = predictions(run)
    expected = confusion_matrix(
        [r["label"] for r in rows], [r["predicted"] for r in rows], labels=facts.classes
    )
    np.testing.assert_array_equal(facts.confusion, expected)
    shown = [
        int(cell.split("</span>")[0]) for cell in source.split('<span class="n">')[1:]
    ]  # fmt: skip
    assert shown == [int(k) for k in expected.ravel() if k]
    precision, recall, f1, n = precision_recall_fscore_support(
        facts.y, facts.predicted, zero_division=0
    )
    for row in facts.per_class:
        c = facts.classes.index(row.name)
        assert row.n == n[c]
        assert (row.precision, row.recall, row.f1) == pytest.approx(
            (precision[c], recall[c], f1[c])
        )


def test_a_warning_about_order_gets_a_box_with_both_scores(run):
    figures = {
        "shuffled_accuracy": 0.912,
        "shuffled_accuracy_ci95": [0.9, 0.92],
        "block_accuracy": 0.534,
        "block_accuracy_ci95": [0.5, 0.56],
    }
    finding = {"kind": "order", "severity": "warning", "message": "Beware!", "figures": figures}
    facts = read(run, "run")
    facts.metrics["findings"] = [finding]
    page = Page(compose(facts))
    text = " ".join(page.text().split())
    assert "order" in {e["id"] for e in page.all("section")}
    assert "Beware!" in text
    assert "91.2%" in text and "53.4%" in text
    assert "Read the warning about the order of images" in text


@pytest.mark.parametrize(
    ("decision", "tone"), [("helps", "good"), ("hurts", "bad"), ("cannot tell", "unsure")]
)
def test_the_verdict_has_the_colour_of_its_decision(run, decision, tone):
    facts = read(run, "run")
    facts.metrics["verdict"]["decision"] = decision
    page = Page(compose(facts))
    assert next(e for e in page.all("section") if e["id"] == "verdict")["class"] == tone
    assert decision in words.headline(facts.metrics["verdict"])


def test_a_run_without_a_verdict_or_a_curve_has_a_page(run):
    facts = read(run, "run")
    facts.metrics.update(verdict=None, learning_curve=[], findings=[])
    text = Page(compose(facts)).text()
    assert "No verdict: there was nothing to compare with." in text
    assert "too few images to draw the curve" in text
    assert "Nothing that would hide behind a score" in text
    assert "learning_curve.png" not in dict(draw_figures(facts))


ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
"""What must be a sentence."""


def test_what_was_measured_is_known_in_any_language(run_folder):
    def protocol() -> str:
        return read(run_folder, "run").metrics["estimate"]["protocol"]

    english = protocol()
    with speaking("zh"):
        assert words.in_english(protocol()) == english


def test_a_hundred_classes_are_drawn_in_a_small_page(run):
    rng = np.random.default_rng(0)
    names = [f"species {i}" for i in range(100)]
    y = rng.permutation(np.arange(1000) % 100)
    proba = rng.dirichlet(np.ones(100), 1000)
    proba[np.arange(900), y[:900]] += 1
    proba /= proba.sum(axis=1, keepdims=True)
    facts = replace(read(run, "run"), y=y, out=proba, pictures={})
    facts.metrics["classes"], facts.metrics["n"]["classes"] = names, 100
    text = compose(facts)
    assert len(text) < 600_000
    assert all(name in text for name in names)
    assert len(dict(draw_figures(facts))["confusion.png"]) < 1_000_000


# Safe to open


def test_the_page_loads_nothing(source, page):
    for name, attributes in page.elements:
        for key in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            if key in attributes:
                assert attributes[key].startswith(("data:", "#")), (name, attributes[key])
    style = " ".join(data for tag, data in page.texts if tag == "style")
    assert "url(" not in style
    assert "@import" not in style
    assert "//" not in source.replace("// ", "").partition("<body")[0]
    policy = next(e for e in page.all("meta") if e.get("http-equiv"))["content"]
    assert policy.startswith("default-src 'none'")


def test_class_names_are_text_and_nothing_else(source, page):
    assert "<b>" not in source
    assert len(page.all("script")) == 1
    text = page.text()
    titles = {a["title"] for _, a in page.elements if "title" in a}
    for name in NASTY:
        assert name in text
        assert name in titles
    assert "{{" in text and "49 " not in text.partition("$x_1$")[0][-8:]


def test_no_path_of_this_machine_is_in_the_report(run, source):
    assert str(run.parent) not in source
    for svg in (run / "figures").glob("*.svg"):
        assert str(run.parent) not in svg.read_text("utf-8")


@given(st.text())
def test_any_text_becomes_markup_that_says_it_again(text):
    clean = "".join(c for c in text if c.isprintable())
    element = ElementTree.fromstring(tag("text", clean, title=clean))
    assert (element.text or "") == clean
    assert element.get("title") == clean


@given(st.text())
def test_any_class_name_is_safe_to_draw(text):
    drawn = plain(text)
    assert "\n" not in drawn
    assert drawn.count("$") == drawn.count(r"\$")
    assert len(drawn.replace(r"\$", "$")) <= 24


@given(st.text(min_size=1).filter(lambda t: "\0" not in t))
def test_snippets_name_the_run_whatever_it_is_called(name):
    import ast
    import shlex

    lines = snippets(name, IMAGE.unit)
    for key in ("shell", "evaluate"):
        assert shlex.split(lines[key])[2] == ("./" if name.startswith("-") else "") + name
    if not any(0xD800 <= ord(c) <= 0xDFFF for c in name):
        call = ast.parse(lines["python"]).body[1].value
        assert call.args[0].value == name


# The pictures


def test_pictures_are_the_most_wrong_and_the_least_sure(run):
    kept = json.loads((run / "pictures.json").read_text("utf-8"))
    gallery = kept["gallery"]
    wrong = [shot["confidence"] for shot in gallery["most_wrong"]]
    unsure = [shot["confidence"] for shot in gallery["least_sure"]]
    assert wrong == sorted(wrong, reverse=True)
    assert unsure == sorted(unsure)
    assert 1 <= len(wrong) <= 12
    assert len(unsure) == 12
    assert all(shot["label"] != shot["predicted"] for shot in gallery["most_wrong"])
    rows = {row["path"]: row for row in predictions(run)}
    for shot in gallery["most_wrong"] + gallery["least_sure"]:
        row = rows[shot["path"]]
        assert (row["label"], row["predicted"]) == (shot["label"], shot["predicted"])
        assert float(row[f"p:{shot['predicted']}"]) == pytest.approx(shot["confidence"], abs=1e-4)
        assert max(opened(shot["image"]).size) <= 160


def test_the_map_has_a_point_and_a_picture_per_image(run):
    kept = json.loads((run / "pictures.json").read_text("utf-8"))["map"]
    assert kept["method"] == "t-SNE"
    assert len(kept["points"]) == 42
    assert {p["label"] for p in kept["points"]} == set(NASTY)
    for p in kept["points"]:
        assert 0 <= p["x"] <= 1
        assert 0 <= p["y"] <= 1
        assert p["right"] == (p["label"] == p["predicted"])
        assert opened(p["image"]).size == (40, 40)


def opened(address: str) -> Image.Image:
    assert address.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 40), st.integers(0, 99))
def test_a_sample_prefers_held_out_rows_and_keeps_the_shares(n, k, limit, seed):
    rng = np.random.default_rng(seed)
    labels, held = rng.integers(k, size=n), rng.random(n) < 0.5
    rows = sample(labels, held, limit, np.random.default_rng(seed))
    assert len(rows) == len(set(rows.tolist())) == min(limit, n)
    taken = np.zeros(n, dtype=bool)
    taken[rows] = True
    assert held[taken].all() or not (held & ~taken).any()
    if held.all():
        share = np.bincount(labels, minlength=k) * min(limit, n) / n
        assert np.abs(np.bincount(labels[rows], minlength=k) - share).max() <= k


@pytest.mark.parametrize(("n", "method"), [(2, "PCA"), (5, "PCA"), (29, "PCA"), (30, "t-SNE")])
def test_a_map_of_any_size_is_finite_and_repeatable(n, method):
    X = np.random.default_rng(n).normal(size=(n, 8)).astype(np.float32)
    places, how = lay_out(X)
    assert how == method
    assert places.shape == (n, 2)
    assert places.min() >= 0
    assert places.max() <= 1
    np.testing.assert_array_equal(places, lay_out(X)[0])


@pytest.mark.parametrize("n", [3, 40])
def test_images_that_are_all_alike_have_a_map(n):
    assert np.isfinite(lay_out(np.ones((n, 8), np.float32))[0]).all()


def test_the_map_keeps_clusters_apart():
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    X = rng.normal(size=(90, 64)) + 8 * np.eye(3, 64)[labels]
    places = lay_out(X)[0]
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + np.eye(90) * 9
    assert (labels[apart.argmin(axis=1)] == labels).mean() > 0.95


# Numbers and words


def test_a_class_is_weak_only_where_there_are_enough_images():
    def row(n: int) -> bool:
        return class_row("x", 0, np.array([[0, n], [0, 10 * n]])).weak

    assert row(FEW)
    assert not row(FEW - 1)


def test_a_class_without_images_has_dashes_not_zeros():
    row = class_row("x", 0, np.array([[0, 0], [0, 5]]))
    assert (row.n, row.precision, row.recall, row.f1, row.weak) == (0, None, None, None, False)


def test_mixups_are_counted_by_truth_and_answer():
    table = np.array([[5, 3, 0], [1, 4, 0], [0, 0, 2]])
    found = [(m.truth, m.said, m.count) for m in most_frequent(table, ["a", "b", "c"], 10)]
    assert found == [("a", "b", 3), ("b", "a", 1)]


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("test set of 100 examples, used once", "never saw it"),
        ("held-out fifth of 30000 examples, used once", "A fifth of the images"),
        ("nested stratified cross-validation, 5 folds", "dealt into 5 parts"),
        ("nested grouped stratified cross-validation, 10 x 5 folds", "10 times"),
        ("nested grouped stratified cross-validation, 5 folds", "(grouped)"),
    ],
)
def test_every_protocol_is_explained(protocol, said):
    assert said in words.protocol(protocol, IMAGE.unit)


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [([0.5, 0.6], "still rising"), ([0.5, 0.51], "creeps"), ([0.5, 0.49], "flat"), ([0.5], "few")],
)
def test_the_curve_is_put_in_words(accuracies, said):
    curve = [{"n_train": 10 * (i + 1), "accuracy": a} for i, a in enumerate(accuracies)]
    assert said in words.more(curve, IMAGE.unit)


@pytest.mark.parametrize(
    ("stated", "right", "said"),
    [(0.9, 0.7, "too sure"), (0.7, 0.9, "too modest"), (0.8, 0.8, "neither")],
)
def test_trust_names_the_lean(stated, right, said):
    assert said in words.trust([{"confidence": stated, "accuracy": right, "count": 9}], 0.1)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(2, 8))
def test_ticks_are_few_round_and_inside(low, extent, count):
    found = ticks(low, low + extent, count)
    assert len(found) <= count + 1
    assert all(low - extent / 100 <= t <= low + extent * 1.01 for t in found)


def test_charts_say_their_numbers_to_who_cannot_see_them():
    assert 'aria-label="87.0%, 95 % interval 79.0% to 92.2%"' in bar(0.87, (0.79, 0.922))
    assert 'aria-label="+4.3 points' in gain(0.043, (0.01, 0.07))
    point = {"x": 0, "y": 1, "path": "a.jpg", "label": "cat", "predicted": None, "right": None,
             "image": "data:,"}  # fmt: skip
    assert point_words(point) == "cat, trained on (a.jpg)"
    assert "cat, trained on (a.jpg)" in embedding([point], ["cat"], IMAGE.unit)


# In a browser

UNFOLD = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"
TANGLED = Path(__file__).with_name("charts.js").read_text("utf-8")
"""Texts of charts that overlap or stick out."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, run):
    """Open the report; afterwards nothing may have gone wrong or been asked of a network."""
    contexts, trouble = [], []

    def visit(width: int = 1200, *, folded: bool = False, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda r: r.url.startswith(("file:", "data:")) or trouble.append(r.url))
        page.goto((run / "report.html").as_uri())
        if not folded:
            page.evaluate(UNFOLD)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.mark.parametrize("width", [360, 390, 768, 1200])
def test_the_page_fits_its_window(visit, width):
    page = visit(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(TANGLED) == []
    assert page.title().startswith("table.csv")


def test_the_theme_follows_the_system_and_the_button(visit):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visit(color_scheme="light")
    dark = visit(color_scheme="dark")
    colours = light.evaluate(ground), dark.evaluate(ground)
    assert colours[0] != colours[1]
    light.locator("#theme").click()
    assert light.evaluate(ground) == colours[1]
    light.reload()
    assert light.evaluate(ground) == colours[1]
    light.locator("#theme").click()
    assert light.evaluate(ground) == colours[0]


def test_pointing_at_the_map_shows_the_image(visit):
    page = visit()
    assert page.locator("#peek").is_hidden()
    point = page.locator(".point.right").last
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator("#peek img").evaluate("image => image.naturalWidth") == 40
    assert any(name in page.locator("#peek").inner_text() for name in NASTY)
    page.mouse.move(5, 5)
    assert page.locator("#peek").is_hidden()


def test_the_map_can_be_walked_with_the_keyboard(visit):
    page = visit()
    assert page.locator('.point[tabindex="0"]').count() == 1
    page.locator('.point[tabindex="0"]').focus()
    seen = {page.locator("#peek").inner_text()}
    for key in ("ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp") * 3:
        page.keyboard.press(key)
        seen.add(page.locator("#peek").inner_text())
    assert page.locator("#peek img").count() == 1
    assert len(seen) > 1
    assert page.locator('.point[tabindex="0"]').count() == 1
    page.keyboard.press("Escape")
    assert page.locator("#peek").is_hidden()


def test_a_tap_on_a_phone_shows_the_image(visit):
    page = visit(360, has_touch=True, is_mobile=True)
    point = page.locator(".point").last
    point.scroll_into_view_if_needed()
    point.tap(force=True)
    assert page.locator("#peek img").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_class_can_be_picked_out(visit):
    page = visit()
    button = page.locator(".legend button").first
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator(".point.picked").count() == 14
    button.click()
    assert page.locator(".point.picked").count() == 0


def test_snippets_can_be_copied(visit):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.locator(".copy").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == snippets("run <&>", IMAGE.unit)["shell"]


def test_everything_is_there_without_scripts(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("#theme").is_hidden()
    assert page.locator("#accuracy").is_visible()
    assert page.locator(".point title").count() == 42
    page.locator("#as-shares").check()
    assert page.locator(".confusion .p").first.is_visible()
    assert page.locator(".confusion .n").first.is_hidden()


CONTRAST = Path(__file__).with_name("contrast.js")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(visit, scheme):
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1."""
    found = visit(color_scheme=scheme).evaluate(CONTRAST.read_text("utf-8"))
    assert len(found) > 100
    assert [text for text in found if text["ratio"] < 4.5] == []


def test_paper_is_white_and_shows_the_map_as_dots(visit):
    page = visit()
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.locator(".point image").first.is_hidden()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
