"""Sentences."""


def recommendation_lines(found):
    return []
