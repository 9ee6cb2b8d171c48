"""The report of a version: one page that opens offline, for people.

Arrives: a `Gathered`: Arrow tables, as the questions of warehouse/ answer them, and facts of the version's manifest.
Leaves: HTML as text, its figures as inline SVG. Opens no file but its own template, asks no network, and gives the same
bytes for the same facts. What could not be gathered arrives as the reason why, and leaves as a sentence, never as 0.
"""
