"""Why the process does not start.

StartFailed             something it needs is not there; exit code 1
└── SettingsInvalid     the environment says something impossible; exit code 2
"""


class StartFailed(Exception):
    """The process cannot start.  Its text is one sentence for whoever types the command."""

    exit_code = 1


class SettingsInvalid(StartFailed):
    """One or more settings are wrong.  Its text names every one of them, and what is allowed."""

    exit_code = 2
