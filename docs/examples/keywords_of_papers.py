"""Abstracts with keywords that people gave, and news in Chinese without: what are they about?"""

import headstart as hs

papers = hs.keywords("papers.jsonl", gold="keywords", out="runs/papers")
for row in papers.metrics["scores"]:
    print(row["name"], row["f1_10"], row["f1_10_ci95"])
for found in papers.predict("Convolutional neural networks classify photos of solar cells.", n=3):
    print(found.keywords, found.scores)

news = hs.keywords("news.csv", out="runs/news")  # a network for many languages is taken
for found in news.predict("我们用卷积神经网络对太阳能电池的照片进行分类。", n=3):
    print(found.language, found.keywords)
