"""`ItemRecommender`: a sparse matrix of users by items in, the places of items out."""

import numpy as np
from scipy.sparse import csr_array

import headstart as hs

rng = np.random.default_rng(0)
X = csr_array(rng.random((200, 50)) < 0.1)
others = csr_array(rng.random((1000, 50)) < 0.1)

model = hs.ItemRecommender(strength=100, weight=0.3, n=5).fit(X, source=others)
print(model.predict(X[:3]))
