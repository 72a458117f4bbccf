"""What the project costs, measured: `python -m benchmarks NAME`. Own code only, no peers."""
