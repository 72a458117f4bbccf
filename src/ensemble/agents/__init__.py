"""Agents: definition files read faithfully, and what one is told in a turn.

`spec` is the frontmatter; `markdown` the body, cut into its sections; `library` finds and
loads the files; `casting` says how an agent behaves in a role; `prompt` writes what it reads.
"""
