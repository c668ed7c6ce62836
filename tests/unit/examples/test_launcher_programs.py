"""The programs that the launcher starts: they end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.launcher.children import STARTUP_FAILED, Children, find_last_words
from examples.launcher.guardian import left_running
from examples.launcher.plan import DemoError
from examples.launcher.stopping import Stopped, Stopping

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def children() -> Iterator[Children]:
    with Children({}, Stopping()) as made:
        yield made


def test_a_command_that_fails_tells_its_last_line(children: Children) -> None:
    with pytest.raises(DemoError, match=r"'motcua no-such-command' failed"):
        children.motcua("no-such-command")


def test_a_service_that_ends_is_noticed(children: Children, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('first'); print('no room'); raise SystemExit(3)"]
    children.start_service("The service", command, health_url=NOWHERE, log=tmp_path / "log")
    with pytest.raises(DemoError, match=r"The service has stopped by itself; .*no room"):
        children.wait_until_healthy()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("Traceback\n  line\nOSError: no room\n", "OSError: no room"),
        (
            f'{{"level":"error","message":"no database"}}\n{{"level":"error","message":"{STARTUP_FAILED}"}}',
            "no database",
        ),
        ('{"level":"info","message":"listening"}\n', ""),
        ('{"cut off', '{"cut off'),
        ("", ""),
    ],
)
def test_the_last_words_say_why(log: str, words: str) -> None:
    assert find_last_words(log) == words


def run_services(environment: dict[str, str], folder: Path, *programs: str) -> None:
    """Starts Python programs as services that never get well, and waits for the first of them to end."""
    with Children(environment, Stopping()) as started:
        for number, program in enumerate(programs):
            command = [sys.executable, "-c", program]
            started.start_service("A service", command, health_url=NOWHERE, log=folder / f"{number}.log")
        started.wait_until_healthy()


def test_nothing_runs_on_after_an_error(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    staying = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    ending = f"import os\nwhile not os.path.exists({str(pid)!r}) or not os.path.getsize({str(pid)!r}): pass"
    with pytest.raises(DemoError):
        run_services({}, tmp_path, staying, ending)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_the_callers_settings_do_not_leak_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IDP_ISSUER", "https://production.example")
    program = "import os; print({k: v for k, v in os.environ.items() if k.startswith('IDP_')})"
    with pytest.raises(DemoError, match="IDP_LISTEN") as told:
        run_services({"IDP_LISTEN": "x"}, tmp_path, program)
    assert "production" not in str(told.value)


def test_the_first_signal_stops_and_the_second_changes_nothing() -> None:
    stopping = Stopping()
    with stopping.listening():
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_waits_while_a_program_is_being_started() -> None:
    stopping, done = Stopping(), []

    def start() -> None:
        with stopping.held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("the rest of the block")

    with stopping.listening(), pytest.raises(Stopped):
        start()
    assert done


# The guardian


def test_what_the_launcher_left_running_is_known() -> None:
    assert left_running(["+11\n", "+12\n", "-11\n", "+13\n"]) == [12, 13]
    assert left_running(["+11\n", "+12\n", "done\n"]) == []
    assert left_running([]) == []


def test_the_programs_of_a_killed_launcher_are_stopped(tmp_path: Path) -> None:
    launcher = (
        "import sys, time; from pathlib import Path\n"
        "from examples.launcher.children import Children; from examples.launcher.stopping import Stopping\n"
        "with Children({}, Stopping()) as children:\n"
        "    children.start_service('s', ['sleep', '600'], health_url='http://127.0.0.1:9/', log=Path(sys.argv[1]))\n"
        "    print(children._services[0].process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", launcher, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        left = int(process.stdout.readline())
        process.kill()
    while is_running(left):
        pass


def is_running(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
