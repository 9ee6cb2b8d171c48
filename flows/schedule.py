"""What a run is to know of its schedule.

Arrives: the current run of Prefect. Leaves: whether a person asked for it, and whether its moment has passed.
"""

import datetime

from prefect.context import FlowRunContext

MISSED_AFTER = datetime.timedelta(minutes=3)
"""Starting a process takes seconds; a scheduled run that is later than this waited for a machine that was off."""


def is_scheduled() -> bool:
    """Whether a schedule made the run, not a person."""
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.auto_scheduled)


def missed() -> str:
    """Why a scheduled run is not to start now, else an empty text.

    After a pause of the server every run that it missed starts at once; one of them is enough.
    """
    context = FlowRunContext.get()
    if not is_scheduled() or context is None or context.flow_run is None:
        return ""
    due = context.flow_run.expected_start_time
    late = datetime.datetime.now(datetime.UTC) - due if due else datetime.timedelta(0)
    if late < MISSED_AFTER:
        return ""
    return f"nothing to do: this run was due {late.total_seconds() / 60:.0f} minutes ago, and newer ones do its work"
