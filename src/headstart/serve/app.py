"""The application: what can be asked of a server, and what it answers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from headstart._version import __version__
from headstart.errors import HeadstartError
from headstart.said import N_, _
from headstart.serve import inference, page
from headstart.serve.bodies import read_body
from headstart.serve.desk import Desk, as_json
from headstart.serve.guard import GONE, Application, Guard, failure
from headstart.serve.refusals import Refusal, asked_language, in_words
from headstart.serve.schema import ABOUT, ANSWERS, MODELS, STATE, predict, refusals

WORDS = {
    404: (N_("There is nothing at this address."), N_("/openapi.json lists what there is.")),
    405: (N_("This address does not take that method."), N_("/openapi.json lists what there is.")),
}


def application(desk: Desk) -> FastAPI:
    """Make the application."""
    app = FastAPI(
        title="headstart",
        version=__version__,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    _answer_errors(app, desk)
    _health(app)
    _predictions(app, desk)
    inference.add(app, desk)
    page.add(app, desk)
    return app


def _answer_errors(app: FastAPI, desk: Desk) -> None:
    """Say what is wrong in words, whoever found it."""

    @app.exception_handler(HeadstartError)
    async def said(request: Request, wrong: Exception) -> Response:
        assert isinstance(wrong, HeadstartError)
        refusal = wrong if isinstance(wrong, Refusal) else Refusal(422, wrong.message, wrong.hint)
        language = asked_language(request.headers, desk.language)
        answer = as_json(in_words(refusal, language), refusal.status)
        answer.headers.update(refusal.headers)
        return answer

    @app.exception_handler(HTTPException)
    async def spoken(request: Request, wrong: Exception) -> Response:
        assert isinstance(wrong, HTTPException)
        message, hint = WORDS.get(wrong.status_code, (str(wrong.detail), ""))
        language = asked_language(request.headers, desk.language)
        answer = as_json(in_words(HeadstartError(_(message), _(hint)), language), wrong.status_code)
        answer.headers.update(wrong.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def failed(request: Request, wrong: Exception) -> Response:
        return await said(request, failure(request.state.id))

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, wrong: Exception) -> Response:
        return Response(status_code=GONE)


def _health(app: FastAPI) -> None:
    @app.get("/health", responses={200: STATE}, tags=["health"])
    async def health() -> Response:
        """Whether the server lives."""
        return as_json({"status": "ok"})

    @app.get("/ready", responses={200: STATE}, tags=["health"])
    async def ready() -> Response:
        """Whether it answers: it listens only once its models are loaded."""
        return as_json({"status": "ok"})


def _predictions(app: FastAPI, desk: Desk) -> None:
    wrong = refusals(400, 404, 408, 413, 415, 422, 429, 503)
    served = desk.models.values()
    columns = [list(one.columns) for one in served if "row" in one.kinds]
    kinds = [kind for one in served for kind in one.kinds]
    body = predict(kinds, columns, desk.limits.items)

    async def answer(request: Request, name: str | None) -> Response:
        asked = desk.model(name)
        brought = await read_body(request, asked, desk.limits)
        answers = await desk.predict(request, asked, brought)
        return as_json({"model": asked.name, "predictions": desk.document(request, answers)})

    @app.post("/predict", openapi_extra=body, responses={200: ANSWERS, **wrong})
    async def predicted(request: Request, model: str | None = None) -> Response:
        """Predict; with several models, name one."""
        return await answer(request, model)

    @app.post(
        "/models/{name}/predict",
        openapi_extra=body,
        responses={200: ANSWERS, **wrong},
    )
    async def predicted_by(request: Request, name: str) -> Response:
        """Predict with the model of that name."""
        return await answer(request, name)

    @app.get("/models", responses={200: MODELS})
    async def models() -> Response:
        """List the models."""
        return as_json({"models": [one.about() for one in served]})

    @app.get("/models/{name}", responses={200: ABOUT, **refusals(404)})
    async def about(name: str) -> Response:
        """Describe a model."""
        return as_json(desk.model(name).about())

    @app.get(
        "/metrics",
        responses={200: {"description": "Counters.", "content": {"text/plain": {}}}},
        tags=["health"],
    )
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(desk.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def guarded(desk: Desk, key: str) -> Application:
    """Make the application with its guard before it."""
    app: Any = application(desk)
    return Guard(
        app,
        desk.limits,
        desk.metrics,
        key=key,
        at_once=desk.limits.queue + desk.workers,
        language=desk.language,
        retry_after=lambda: desk.pool.retry_after,
    )
