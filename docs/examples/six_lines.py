import headstart as hs

run = hs.train("photos")
print(run.metrics["verdict"]["sentence"])
for answer in run.predict("new"):
    print(answer.path, answer.predicted, answer.confidence)
