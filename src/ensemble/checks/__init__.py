"""Checks: what an agent file says that will not do what its author means.

One rule is one small function with a code, registered in the table of `rules`; each module
holds the rules of one subject. `run` applies them, `fixing` mends what can be mended by rule.
"""
