"""The ways in which run.sh itself ends: exit statuses and the exceptions that carry them. Used by everything here."""

OK, COMMAND_FAILED, USAGE, PANIC, TIMEOUT, CANNOT_START = 0, 1, 2, 101, 124, 125


class Failure(Exception):
    """Ends the run with `status` after the message was printed."""

    status = CANNOT_START


class UsageError(Failure):
    status = USAGE


class CannotStart(Failure):
    status = CANNOT_START


class Interrupted(Exception):
    """A signal asked the run to end."""

    def __init__(self, signal_number):
        super().__init__(signal_number)
        self.status = 128 + signal_number
