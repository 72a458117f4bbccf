# The commands of the project. `just check` is what CI runs.

set shell := ["bash", "-euo", "pipefail", "-c"]

bin := justfile_directory() / ".venv/bin"

# List the commands.
default:
    @just --list --unsorted

# Everything, in a fresh virtual environment, as CI runs it.
check:
    .ci/run

# The tests; arguments go to pytest.
test *arguments:
    {{ bin }}/pytest {{ arguments }}

# The slow tests too; those that need a real model provider stay out.
nightly:
    {{ bin }}/pytest -m "not live" --cov

# Style and formatting.
lint:
    {{ bin }}/ruff check .
    {{ bin }}/ruff format --check .

# Strict types.
types:
    {{ bin }}/basedpyright

# The order of the layers, and who may import which library.
contracts:
    {{ bin }}/lint-imports --no-logo

# One benchmark, e.g. `just bench first --json`; without a name, the list of them.
bench *arguments:
    {{ bin }}/python -m benchmarks {{ arguments }}

# Write docs/reference, docs/checks.md and the pictures of docs/topologies.md from the code.
reference:
    {{ bin }}/python docs/reference/make.py
    {{ bin }}/python docs/reference/topologies.py
    {{ bin }}/python -m ensemble.checks.page > docs/checks.md
