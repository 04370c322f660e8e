"""Features computed elsewhere: `identity` takes an array and only adds the head."""

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

import headstart as hs

X, y = load_digits(return_X_y=True)
model = make_pipeline(PCA(20), hs.TransferClassifier(backbone="identity"))
model.fit(X[:900], y[:900])
print(model.score(X[900:], y[900:]))
