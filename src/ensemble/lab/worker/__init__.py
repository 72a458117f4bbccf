"""The process that measures: the only part of the project that imports torch.

`__main__` reads one request, calls one function of its table and reports; each module beside
it is one tool or a piece that tools share. Nothing here has heard of agents or caches.
"""
