"""When things happen: Dagster assets, checks, partitions, schedules, sensors, resources."""
