"""What is counted, in the form that Prometheus reads; each server has a registry of its own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one server.

    Parameters
    ----------
    waiting : callable
        Tells how many examples are in the queue.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "headstart_requests",
            "Requests by route and status.",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "headstart_request_seconds",
            "Seconds from the head of a request to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._examples = Counter(
            "headstart_examples",
            "Examples by model, and by what became of them.",
            ["model", "outcome"],
            registry=self._registry,
        )
        self._gone = Counter(
            "headstart_clients_gone",
            "Requests whose client did not wait for the answer.",
            registry=self._registry,
        )
        queue = Gauge("headstart_queue_examples", "Examples that wait.", registry=self._registry)
        queue.set_function(waiting)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request; the route is that of the program, never what was asked for."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def predicted(self, model: str, answered: int, unreadable: int) -> None:
        """Count examples."""
        self._examples.labels(model, "answered").inc(answered)
        self._examples.labels(model, "unreadable").inc(unreadable)

    def gone(self) -> None:
        """Count a client that went."""
        self._gone.inc()

    def page(self) -> bytes:
        """Write all of it."""
        return generate_latest(self._registry)
