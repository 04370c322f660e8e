"""Tagging: a tag for every word of a sentence, such as those of names of people and places.

Read ``sentences.py`` (what is tagged), ``schemes.py`` (how tags write entities), ``read.py``
(files), ``pieces.py`` and ``vectors.py`` (a vector for every word), ``probe.py``, ``finetune.py``
and ``ways.py`` (what is learned), ``decode.py`` (the best tags that may follow each other),
``tagger.py`` (a model and what it answers), ``rivals.py`` (without transfer), ``measure.py`` and
``trial.py`` (how good it is).
"""
