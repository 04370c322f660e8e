"""Translation: pairs of sentences, networks that turn one into the other, and what came of them."""
