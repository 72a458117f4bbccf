"""The journal: every effect and every ruling of a run, in order, on disk before it is used.

`record` is one event and how it is written, `shape` what it has to hold, `turn_key` the key of a
turn and of a call in it; `file` appends and reads them; `recording` keeps a finished run;
`run_journal` is what nodes talk to, and finds an outcome again; `digest` reduces a run to one
hash; `divergence` explains the first call that a replay does not find; `redaction` keeps secrets
out.
"""
