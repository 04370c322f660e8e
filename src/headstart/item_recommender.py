"""The scikit-learn face of recommendation: a sparse matrix of users by items in, items out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, vstack
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.behaviour.models import Candidate, fit, installed
from headstart.behaviour.trial import first
from headstart.kinds import as_declared
from headstart.registry import unknown_name
from headstart.said import N_
from headstart.tasks.ranking import ranks, recall_at


class ItemRecommender(BaseEstimator):
    """Recommend to each row of a sparse matrix the columns that go with those it has.

    For verdicts, reports and weights that are chosen use :func:`headstart.recommend`; an estimator
    only fits and predicts.

    Parameters
    ----------
    kind : {"EASE", "item kNN", "popularity", "ALS"}, default="EASE"
        ``"ALS"`` needs the extra ``recommend``.
    strength : float, default=100.0
        The penalty λ of EASE.
    weight : float, default=1.0
        What the rows of a source count; 0 leaves them out.
    n : int, default=10
        Items that are recommended to each row.

    Attributes
    ----------
    recommender_ : Recommender
    n_features_in_ : int
        Number of items.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> X = csr_array(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]]))
    >>> ItemRecommender(strength=1.0, n=1).fit(X).predict(X[[3]])
    array([[3]])
    """

    def __init__(
        self,
        *,
        kind: str = "EASE",
        strength: float = 100.0,
        weight: float = 1.0,
        n: int = 10,
    ) -> None:
        self.kind = kind
        self.strength = strength
        self.weight = weight
        self.n = n

    def fit(self, X: Any, y: Any = None, *, source: Any = None) -> Self:
        """Learn which items go together.

        Parameters
        ----------
        X : sparse or dense array of shape (n_users, n_items)
            Anything but 0 is a choice.
        source : array of shape (n_others, n_items), optional
            What the customers of another shop chose of the same items.
        """
        as_declared(type(self).__init__, self.get_params(deep=False))
        if self.kind not in installed():
            raise unknown_name(N_("model"), self.kind, installed())
        own = self._chosen(validate_data(self, X, accept_sparse="csr"))
        if source is not None and self.weight:
            others = self._chosen(validate_data(self, source, accept_sparse="csr", reset=False))
            own = vstack([own, others * np.float32(np.sqrt(self.weight))], format="csr")
        candidate = Candidate(self.kind, self.weight, self.strength)
        self.recommender_ = fit(candidate, own, own.shape[1])
        return self

    def predict(self, X: Any) -> NDArray[np.integer]:
        """Return the places of the best ``n`` items of each row, which it has not, (n_users, n)."""
        scores, chosen = self._scores(X)
        scores[chosen.toarray() > 0] = -np.inf
        return first(scores, self.n)

    def score(self, X: Any, y: ArrayLike) -> float:
        """Return the share of rows with their item ``y`` among the first ``n``: Recall@n."""
        scores, chosen = self._scores(X)
        seen = chosen.toarray() > 0
        return float(recall_at(ranks(scores, np.asarray(y), seen), self.n).mean())

    def _scores(self, X: Any) -> tuple[NDArray[np.float32], csr_array]:
        check_is_fitted(self)
        chosen = self._chosen(validate_data(self, X, accept_sparse="csr", reset=False))
        return np.array(self.recommender_.scores(chosen), np.float32), chosen

    @staticmethod
    def _chosen(X: Any) -> csr_array:
        return (csr_array(X) != 0).astype(np.float32)

    def __sklearn_tags__(self) -> Any:
        """Say that sparse input is taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
