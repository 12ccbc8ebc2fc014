"""The error that every state machine of the house raises for a row its table does not have."""

from enum import StrEnum


class IllegalTransition(ValueError):
    """`event` means nothing to a `thing` in `state`."""

    def __init__(self, thing: str, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"a {thing} in state {state} does not take the event {event}")
        self.thing = thing
        self.state = state
        self.event = event
