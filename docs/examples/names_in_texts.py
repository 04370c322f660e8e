"""Sentences in which names of people and places are tagged: who and what is in a new one?"""

import headstart as hs

run = hs.train("names.conll", out="runs/names")

print(run.metrics["estimate"]["f1"], run.metrics["verdict"]["sentence"])
for answer in run.predict(["ada went to new york.", ["ben", "went", "to", "rome"]]):
    for entity in answer.entities:
        print(entity.kind, " ".join(answer.tokens[entity.start : entity.end]))
