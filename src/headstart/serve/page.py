"""The page to try a model on: one document, which loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import HTMLResponse

from headstart.language import in_force, languages, use
from headstart.said import _
from headstart.serve.desk import Desk
from headstart.serve.refusals import asked_language

HERE = Path(__file__).parent
SHOWN_COLUMNS = 40
"""Names of columns that a page spells out."""


def add(app: FastAPI, desk: Desk) -> None:
    """Add the page, rendered once in every language."""
    pages = {code: rendered(desk, code) for code in languages()}
    policy = _policy()

    @app.get("/", include_in_schema=False)
    async def page(request: Request, lang: str = "") -> HTMLResponse:
        asked = lang if lang in pages else asked_language(request.headers, desk.language)
        headers = {
            "content-security-policy": policy,
            "content-language": asked,
            "vary": "accept-language",
        }
        return HTMLResponse(pages[asked], headers=headers)

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response(status_code=204)


def rendered(desk: Desk, code: str) -> str:
    """Render the page in a language."""
    from jinja2 import Environment, FileSystemLoader

    before = in_force().code
    use(code)
    try:
        templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True)
        templates.globals["_"] = _
        return templates.get_template("page.html.j2").render(
            lang=code,
            languages={"en": "English", "zh": "中文"},
            models=[
                _shown(served.about(), served.run.modality.unit) for served in desk.models.values()
            ],
            style=_read("page.css"),
            script=_read("page.js"),
            limits=desk.limits,
        )
    finally:
        use(before)


def _shown(about: dict[str, Any], unit: Any) -> dict[str, Any]:
    """Return what the page says of a model, and what its script needs of it."""
    columns = about["columns"]
    return {
        "name": about["name"],
        "takes": about["takes"],
        "many": unit.many,
        "classes": about["classes"],
        "columns": [*columns[:SHOWN_COLUMNS], *(["…"] if len(columns) > SHOWN_COLUMNS else [])],
    }


def _policy() -> str:
    """Let the page run its own script and style, and talk to nobody but this server."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash('page.js')}",
            f"style-src {_hash('page.css')}",
            "img-src blob:",
            "media-src blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _hash(name: str) -> str:
    digest = hashlib.sha256(_read(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _read(name: str) -> str:
    return (HERE / name).read_text("utf-8")
