"""Readings become cleaned hours (ingest.reading_hours) on the mall's clock.

Belongs here: computing the hours of the business dates whose readings changed, in two steps: the
hours of these dates are gathered and judged by the hard rules (gathering, till_hours); then soft
rules and estimates are said again on all dates on which they may come out otherwise (judging,
estimating, dependents). The second step looks at what the first left in use, never at its own
results, so any order of arrival ends in the same hours. Not here: the rules' names and
parameters (domain.cleaning), people's decisions (services.operations.cleaning_decisions), landing,
days and months (the marts).

Set-based: the cost follows the dates that changed, never the history.
"""

from services.operations.cleaning.running import CleaningResult, clean_touched_dates, touch_dates

__all__ = ["CleaningResult", "clean_touched_dates", "touch_dates"]
