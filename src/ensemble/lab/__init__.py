"""The lab: a shared node where claims about models and data are measured, not argued.

`specs` says what can be asked; `client` answers it, once for equal questions, which `question`
tells by all that an answer depends on (`datasets` among it); `store` keeps answers and `job`
runs one in a process of its own; `worker` is that process, the only part that imports torch
and scikit-learn.
"""
