"""The contracts, as types: what may pass between the rooms.

Arrives: nothing; this room imports none of ours. Leaves: the rollout file (`rollout`), the columns of experiences and
episodes (`steps`, `episodes`), their names and ranges (`space`), what to train on (`window`), how (`training`), the
policy file of the engine (`policy_file`), the record of a model (`manifest`), where things lie (`settings`) and what
can go wrong (`errors`).
"""
