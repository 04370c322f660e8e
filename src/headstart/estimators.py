"""The scikit-learn face: ``TransferClassifier`` clones, grid-searches and pipes like any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from headstart.backbones import IDENTITY, resolve
from headstart.data.items import Examples
from headstart.errors import DataError
from headstart.features.engines import Kitchen
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.kinds import as_declared
from headstart.machine import cache_folder, worker_count
from headstart.modalities import modality
from headstart.said import _
from headstart.tasks.splits import pairs, stratified_folds
from headstart.transfer.probe import fit_probe


class TransferClassifier(ClassifierMixin, BaseEstimator):
    """Classify examples (or ready features) with a new head on a frozen, pretrained backbone.

    Use it inside scikit-learn's own tools. For a verdict, a report and the checks of the data use
    :func:`headstart.train`; an estimator only fits and predicts, on the CPU.

    Parameters
    ----------
    backbone : str, default="efficientnet-lite0"
        A backbone name; ``X`` is then a sequence of example paths. ``"identity"`` takes ``X`` as an
        array of features, ``(n_samples, n_features)``.
    balanced : bool, default=False
        Weigh classes equally in the loss.
    cv : int, default=5
        Folds for choosing the head; fewer where a class has fewer examples.
    random_state : int, default=0
        Of those folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    model_ : FittedModel
        The calibrated head.
    choice_ : Choice
        What was tried, and what it scored on the folds.
    n_features_in_ : int
        Only with ``backbone="identity"``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = TransferClassifier(backbone="identity").fit(X[:900], y[:900])
    >>> bool(model.score(X[900:], y[900:]) > 0.88)
    True
    """

    def __init__(
        self,
        *,
        backbone: str = "efficientnet-lite0",
        balanced: bool = False,
        cv: int = 5,
        random_state: int = 0,
    ) -> None:
        self.backbone = backbone
        self.balanced = balanced
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Embed, choose a head by cross-validation, refit it on everything.

        Parameters
        ----------
        X : sequence of paths, or array of shape (n_samples, n_features) with ``"identity"``
        y : array-like of shape (n_samples,)

        Raises
        ------
        DataError
            Examples that cannot be read.
        ValueError
            What scikit-learn's own validation refuses; fewer than two classes.
        """
        as_declared(type(self).__init__, self.get_params(deep=False))
        if self.backbone == IDENTITY:
            X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        check_consistent_length(X, y)
        features = self._features(X)
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"There is only one class in y: {self.classes_[0]!r}; two are needed.")
        k = int(max(2, min(self.cv, np.bincount(codes).min())))
        rng = np.random.default_rng(self.random_state)
        folds = pairs(stratified_folds(codes, None, k, rng))
        names = tuple(str(c) for c in self.classes_)
        with threadpool_limits(1):  # small matrices: more threads only wait for each other
            self.model_, self.choice_ = fit_probe(
                features, codes, names, folds, balanced=self.balanced
            )
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return calibrated probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        if self.backbone == IDENTITY:
            X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.model_.predict_proba(self._features(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each sample, shape (n_samples,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.backbone == IDENTITY
        tags.input_tags.string = self.backbone != IDENTITY
        return tags

    def _features(self, X: Any) -> NDArray[np.floating]:
        return np.asarray(X) if self.backbone == IDENTITY else _embed(self.backbone, X)


def _embed(backbone: str, paths: Sequence[str | Path]) -> NDArray[np.float32]:
    workers = worker_count()
    engine = Kitchen(cache_folder(), workers).engine(resolve(backbone))
    examples = Examples.of_files(paths, modality(engine.card.modality))
    with FeatureStore(cache_folder()) as store:
        features = extract(examples, [engine], store, workers=workers)
    if features.unreadable:
        row = min(features.unreadable)
        raise DataError(
            _(
                "{n} of {all} {many} cannot be read (first: {name}: {reason}).",
                n=len(features.unreadable),
                all=len(examples),
                many=examples.modality.unit.many,
                name=examples.refs[row],
                reason=features.unreadable[row],
            ),
            _("Remove them from X and y."),
        )
    return features.vectors[0]
