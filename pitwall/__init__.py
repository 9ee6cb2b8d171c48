"""The command line.

Arrives: words typed by a person or a scheduler. Leaves: tables, progress, and an exit code: 0 done, 1 failed,
2 wrong usage, 3 done but something was rejected. Each command imports what it needs when it runs.
"""
