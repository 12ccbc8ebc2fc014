"""The triggers by which Postgres itself tells the audit of changed rows.

Belongs here: the statements that migrations give a table. Not here: the function that they call,
`audit.capture()`, which stands in a migration. A test fails for a table of the schema `app` that
neither has these triggers nor is named there with the reason why not.
"""

from collections.abc import Collection, Iterator

EVENTS = ("INSERT", "UPDATE", "DELETE")


def capture_rows(
    table: str,
    *,
    subject: str = "",
    subject_column: str = "id",
    part_column: str = "",
    events: Collection[str] = EVENTS,
    update_when: str = "OLD.* IS DISTINCT FROM NEW.*",
) -> Iterator[str]:
    """Statements that make every change of a row of `app.<table>` an event.

    A row is its own subject; a row that is part of another thing names that thing's table as
    `subject`, the column that points to it, and the column that tells the parts apart; where the
    pointer is null it is its own subject.
    `update_when`: the changes worth an event, in terms of OLD and NEW.
    """
    arguments = ", ".join(f"'{name}'" for name in (subject or table, subject_column, part_column))
    call = f"FOR EACH ROW {{when}}EXECUTE FUNCTION audit.capture({arguments})"
    others = " OR ".join(event for event in EVENTS if event in events and event != "UPDATE")
    if others:
        yield (f"CREATE TRIGGER audit_rows AFTER {others} ON app.{table} " + call.format(when=""))
    if "UPDATE" in events:
        yield (
            f"CREATE TRIGGER audit_changes AFTER UPDATE ON app.{table} "
            + call.format(when=f"WHEN ({update_when}) ")
        )


def release_rows(table: str) -> Iterator[str]:
    """Statements that take the triggers away again."""
    for trigger in ("audit_rows", "audit_changes"):
        yield f"DROP TRIGGER IF EXISTS {trigger} ON app.{table}"
