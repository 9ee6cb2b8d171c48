"""Real commands, killed at random points by the thousand, several at once on one lake.

Arrives: a number of kills, a seed. Leaves: what was found wrong after any of them, which should be nothing.
"""
