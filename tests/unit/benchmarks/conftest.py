"""Puts the checkout on the path: `benchmarks` is not installed with the package."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))
