"""Graphs: seats and roles as data, compiled to LangGraph, run to a decision.

`topology` is the data, `routing` its conditions, `seating` who sits where, `ways` where it goes
next; `compile` is the only module that knows LangGraph; `turn` takes one turn, `lab_desk`
measures, `sight` says what a role is shown; `decision` computes what it all amounts to. Before
anything runs `soundness`, `fitness` and `tool_proof` say what is wrong, and `bounds` counts.
"""
