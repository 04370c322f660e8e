"""Who or what is it, and are these two the same: galleries, pairs, and how well both go.

Examples are told apart by their similarity alone, the cosine of the vectors that a network gives
them. Nothing is fitted to anyone, so nobody who is forgotten leaves a trace in what is fitted.
"""
