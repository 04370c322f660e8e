"""Every mistake headstart finds says what is wrong and how to mend it."""

import headstart as hs

try:
    hs.train("photos", seed=-3)
except hs.ConfigError as mistake:
    print(mistake.message)  # --seed must be 0 or more, not -3.
    print(mistake.hint)  # Try --seed 0.

try:
    hs.load("runs/nothing")
except hs.HeadstartError as mistake:  # the base of them all
    print(type(mistake).__name__, mistake)
