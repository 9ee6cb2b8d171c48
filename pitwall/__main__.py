"""`python -m pitwall`."""

from pitwall.cli import main

main()
