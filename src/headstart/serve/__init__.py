"""A server that answers over HTTP as ``Run.predict`` does: bounded in all it takes, keeps nothing.

Read ``app.py`` (what can be asked), ``served.py`` (a run that answers), ``pool.py`` (the threads
that compute, and the queue before them), ``bodies.py`` (what a request brings), ``guard.py`` (what
is refused before it is read), ``inference.py`` (the Open Inference Protocol), ``page.py`` (the page
to try it on) and ``server.py`` (all of it, started and stopped).
"""
