"""The analysis app: one marimo file over the lake, and what is too long for a cell of it.

Arrives: a lake, through the questions of `warehouse/sql/` and the closed door of `pitwall sql`. Leaves: charts and
tables in a browser. Needs the extra `pitwall[analyse]`; only `pitwall analyse` comes here.
"""
