"""What an agent answers: envelope, findings, dispositions, claims and what it asks to do.

`answer` is the parsed reply; `parse` reads one, `markdown` the Markdown kind; `schema` is
what a provider is held to. An unreadable reply is an abstention, never an answer.
"""
