"""Models: who can be asked, in which order, and what happens when one fails.

`provider` is the one type that every model answers through; `registry` and `selection` make
a seat's chain; `chain` walks it; every other module is one provider and knows no other.
"""
