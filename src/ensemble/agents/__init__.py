"""Agents: definition files read faithfully, and what one is told in a turn.

`frontmatter` cuts a file in two and `repairs` mends what is no YAML; `dialects` put other programs'
fields into our words; `spec` is the frontmatter, `markdown` the body; `loading` makes one
reading of all that, `library` finds the files. `casting` says how an agent behaves in a role,
`prompt` writes what it reads. `writing` and `importing` go the other way.
"""
