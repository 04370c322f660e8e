"""Faces: found in a picture, put upright to one size, and what of that is worth telling.

Read ``package.py`` (where the weights come from), ``tfjs.py`` (how they are read), ``nets.py`` (the
networks that look), ``find.py`` (a picture to faces), ``chip.py`` (a face to pixels), ``look.py``
(what a backbone of faces carries with it) and ``checks.py`` (what is said of it).
"""
