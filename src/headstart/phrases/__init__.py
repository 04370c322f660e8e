"""Keywords: the phrases that say what a document is about.

Read ``documents.py`` (what is read, with the keywords that people gave), ``stop_words.py``,
``stems.py`` and ``cutting.py`` (a text to phrases), ``vectors.py`` (each distinct phrase embedded
once), ``scoring.py`` (what is known of a phrase, and fixed weights), ``ranker.py`` (weights learned
from gold keywords), ``extractor.py``, ``rivals.py`` and ``yake.py`` (what ranks without a network),
``trial.py`` and ``outcome.py`` (the verdict).
"""
