"""Scenarios: a task with everything that is needed to run, check and replay it.

`spec` is the file; `loading` reads it and all it names; `performance` is one run from start
to decision; `run`, `replay` and `resume` are its three ways; `expectations` are what must
hold; `panel` composes the same in Python.
"""
