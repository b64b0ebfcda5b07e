"""Lengths of time in milliseconds, the unit of every time in the database."""

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
