"""A log of books and one of films, with customers in common: do the films help?"""

import headstart as hs

run = hs.recommend("books.csv", source="films.csv", out="runs/books")

for who, verdict in run.metrics["verdicts"].items():
    print(who, verdict["decision"], verdict["gain"], verdict["gain_ci95"])
for advice in run.predict(["u1"], n=3):
    print(advice.rank, advice.item, advice.score, advice.because)
