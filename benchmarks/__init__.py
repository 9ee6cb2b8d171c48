"""Speed and memory beside peers in the same run; `python -m benchmarks` prints one table (see README.md)."""
