"""`TransferClassifier` inside scikit-learn's own tools."""

from pathlib import Path

from sklearn.model_selection import GridSearchCV, cross_val_score

import headstart as hs

paths = sorted(Path("photos").glob("*/*"))
labels = [path.parent.name for path in paths]

scores = cross_val_score(hs.TransferClassifier(), paths, labels, cv=3)
print(scores.mean())

search = GridSearchCV(hs.TransferClassifier(), {"balanced": [False, True]}, cv=3)
search.fit(paths, labels)
print(search.best_params_, search.best_score_)

new = sorted(Path("new").iterdir())
print(search.predict(new), search.predict_proba(new).shape)
