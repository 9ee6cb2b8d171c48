"""The order of the work: who hands what to whom, with names, retries and progress.

Arrives: a lake and what is wanted of it. Leaves: reports. `landing`, `attributing`, `training`, `publishing` and
`importing` are plain functions that need no server, `catching_up` is all of them in one, and `watching` does that as
files come; `ingest` and `train` are the same as Prefect flows. Here Arrow tables pass from warehouse/ to ppo/ and
policies back; neither of the two knows the other.
"""
