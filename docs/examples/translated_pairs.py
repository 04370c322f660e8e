"""Pairs of sentences: learn to translate them, and see how it compares."""

import headstart as hs

run = hs.translate("en-fr.tsv", epochs=1, beam=1, out="runs/en-fr")

for row in run.metrics["scores"]:
    print(row["name"], row["chrf"], row["chrf_ci95"], row["bleu"])
for one in run.predict(["The dog sees a house."]):
    print(one.source, one.translation)
