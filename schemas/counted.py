"""A number with what it counts, as a person says it."""


def counted(count: int, noun: str) -> str:
    """`1 rollout`, `5,000 rollouts`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
