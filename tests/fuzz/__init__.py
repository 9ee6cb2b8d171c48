"""Coverage-guided fuzzing of what reads files of others: `python -m tests.fuzz rollout|policy [--seconds N]`."""
