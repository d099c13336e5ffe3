"""The paper's claims, each judged by the runs that can tell.

`judging.judge` is the way in. A claim picks the runs it needs by their configuration; where they are missing
or too short, too narrow or too few seeds, it is undecided, and says so in words.
"""
