"""The desk: where requests find their model, are computed, and become documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from headstart.run import Prediction
from headstart.said import _, commas
from headstart.serve.bodies import Brought
from headstart.serve.guard import busy
from headstart.serve.limits import Limits
from headstart.serve.metrics import Metrics
from headstart.serve.pool import BusyError, Job, Pool
from headstart.serve.refusals import Refusal, asked_language, said_in
from headstart.serve.served import Own, Served
from headstart.text import to_json

TIMES = ("start", "end")
"""Of a prediction, but never of one that is asked for here."""


@dataclass(frozen=True)
class Desk:
    """Where requests are answered.

    Attributes
    ----------
    models : mapping of str to Served
    pool : Pool
    limits : Limits
    metrics : Metrics
    language : str
        Of what is said, where a request asks for none.
    workers : int
    """

    models: Mapping[str, Served]
    pool: Pool[Own]
    limits: Limits
    metrics: Metrics
    language: str
    workers: int

    def model(self, name: str | None) -> Served:
        """Find a model; the only one needs no name.

        Raises
        ------
        Refusal
            There is none of that name, or there are several and none is named.
        """
        names = commas(self.models)
        if name is None and len(self.models) > 1:
            raise Refusal(
                400,
                _("There are several models: {names}.", names=names),
                _("Name one: `/models/NAME/predict`, or `/predict?model=NAME`."),
            )
        found = next(iter(self.models.values())) if name is None else self.models.get(name)
        if found is None:
            raise Refusal(404, _("There is no such model."), _("One of: {names}.", names=names))
        return found

    async def predict(self, request: Request, served: Served, brought: Brought) -> list[Prediction]:
        """Answer for what a request brought, in order.

        Raises
        ------
        Refusal
            There is no room in the queue, or it took too long.
        ClientDisconnect
            Nobody waits for the answers any more.
        """
        examples = served.examples(brought.refs, brought.items)
        jobs = served.jobs(examples, self.workers)
        try:
            self.pool.submit(jobs)
        except BusyError as cause:
            raise busy(cause.retry_after) from cause
        parts = await self._computed(request, jobs)
        answers = served.answers(examples, parts)
        unreadable = sum(bool(one.error) for one in answers)
        self.metrics.predicted(served.name, len(answers) - unreadable, unreadable)
        return answers

    async def _computed(self, request: Request, jobs: Sequence[Job[Own]]) -> list[Any]:
        """Wait for jobs, as long as the client does."""
        results = asyncio.gather(*(asyncio.wrap_future(job.future) for job in jobs))
        gone = asyncio.ensure_future(_gone(request))
        either: set[asyncio.Future[Any]] = {results, gone}
        try:
            done, _rest = await asyncio.wait(
                either, timeout=self.limits.seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if results in done:
                return list(results.result())
            if gone in done:
                self.metrics.gone()
                raise ClientDisconnect
            raise Refusal(
                503,
                _("The answer took longer than {n:g} seconds.", n=self.limits.seconds),
                _("Ask again, for fewer examples at a time."),
                self.pool.retry_after,
            )
        finally:
            gone.cancel()
            if not results.done():
                results.cancel()
                self.pool.cancel(jobs)

    def document(self, request: Request, answers: Sequence[Prediction]) -> list[dict[str, Any]]:
        """Write answers as a JSON document has them."""
        language = asked_language(request.headers, self.language)
        names = [one.name for one in fields(Prediction) if one.name not in TIMES]
        rows = [{name: getattr(answer, name) for name in names} for answer in answers]
        return [row | {"error": said_in(language, row["error"])} for row in rows]


async def _gone(request: Request) -> None:
    """Wait until the client goes."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def as_json(document: object, status: int = 200) -> Response:
    """Answer with a JSON document."""
    return Response(to_json(document).encode(), status, media_type="application/json")
