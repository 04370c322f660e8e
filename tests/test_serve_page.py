"""The page to try a model on, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from english import english
from headstart.serve.server import Server
from serving import serving

KEY = "a-key-of-twenty-four-let"


@pytest.fixture(scope="module")
def server(run_folder: Path, text_run: Path, row_run: Path) -> Iterator[Server]:
    runs = (f"photos={run_folder}", f"reviews={text_run}", f"rows={row_run}")
    with serving(*runs, key=KEY) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no browser")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_the_page_loads_nothing_and_speaks_both_languages(server: Server) -> None:
    page = httpx.get(server.address, headers={"Accept-Language": "de, zh;q=0.5"})
    assert page.headers["content-language"] == "zh"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["vary"] == "accept-language"
    assert '<html lang="zh">' in page.text
    shown = page.text.partition("<script>")[0].partition("</style>")[2]
    assert "试试这个模型" in shown
    assert httpx.get(server.address).headers["content-language"] == "en"
    assert "试试" in httpx.get(f"{server.address}/?lang=zh").text
    assert "Try the model" in httpx.get(f"{server.address}/?lang=xx").text
    for outside in ("http://", "https://", "src=", "@import", "url("):
        assert outside not in page.text


def test_a_browser_asks_and_shows(server: Server, browser: Any, photos: Path, tmp_path) -> None:
    picture = next((photos / "disc").glob("*.png"))
    (tmp_path / "<b>no<i>.jpg").write_text("no")
    trouble: list[str] = []
    for width in (360, 1200):
        tab = browser.new_page(viewport={"width": width, "height": 800}, locale="en-GB")
        tab.on("console", lambda message: trouble.append(message.text))
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        asked: list[str] = []
        tab.on("request", lambda request, asked=asked: asked.append(request.url))
        tab.goto(server.address)
        tab.locator("summary").click()
        tab.locator("#key").fill(KEY)
        tab.locator("#files").set_input_files([picture, tmp_path / "<b>no<i>.jpg"])
        tab.wait_for_selector("#answers li:nth-child(2)")
        first, second = tab.locator("#answers > li").all()
        assert first.locator("strong").inner_text() == "disc"
        assert first.locator("meter").count() == 3
        assert (
            first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)")
            == 96
        )
        assert "<b>no<i>.jpg" in second.inner_text()
        assert "cannot be read: not an image" in second.inner_text()
        assert tab.locator("#status").inner_text() == "Done."
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert all(url.startswith((server.address, "blob:")) for url in asked)
        tab.close()
    assert [one for one in trouble if "ERR_" not in one] == []


def test_a_browser_writes_texts_and_numbers_with_the_keyboard(server: Server, browser: Any) -> None:
    tab = browser.new_page(locale="zh-CN")
    tab.goto(server.address)
    assert "试试这个模型" in tab.locator("h1").inner_text()
    tab.locator("summary").click()
    tab.locator("#key").fill(KEY)
    tab.locator("#model").select_option("reviews")
    tab.locator("#text").fill("good good food")
    tab.locator("#text").press("Tab")
    for _ in range(6):
        if tab.evaluate("document.activeElement.id") == "ask":
            break
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#answers strong")
    assert tab.locator("#answers strong").inner_text() in ("good", "bad")
    tab.locator("#model").select_option("rows")
    assert tab.locator("#drop").is_hidden() and tab.locator("#writing").is_hidden()
    tab.locator("#row").fill("1，1, 1 1")
    tab.locator("#ask").click()
    tab.wait_for_selector("#answers strong")
    tab.locator("#row").fill("1, x")
    tab.locator("#ask").click()
    status = tab.locator("#status")
    status.filter(has_text="4").wait_for()
    shown = status.inner_text()
    assert english(shown) == [], shown
    tab.locator("#key").fill("wrong")
    tab.locator("#ask").click()
    status.filter(has_text="Bearer").wait_for()
    tab.get_by_role("link", name="English").click()
    assert tab.locator("h1").inner_text() == "Try the model"
    tab.close()


def test_every_control_has_a_name(server: Server, browser: Any) -> None:
    tab = browser.new_page()
    tab.goto(server.address)
    tab.evaluate("document.querySelectorAll('[hidden]').forEach(e => e.hidden = false)")
    unnamed = tab.evaluate(
        "[...document.querySelectorAll('input, textarea, select')]"
        ".filter(e => !e.labels.length).map(e => e.id)"
    )
    assert unnamed == []
    tab.close()
