"""Commands set the process's logging up for good; tests after them must not notice."""

import pytest


@pytest.fixture(autouse=True)
def _logging_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dueport_apps.cli.configure_logging", lambda **_: None)
