"""The launcher: from nothing to a running demo, and back to nothing running."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from examples.launcher import setup
from examples.launcher.children import Children
from examples.launcher.facts import draw_table, list_facts, write_environment
from examples.launcher.folder import Folder
from examples.launcher.plan import DemoError, Plan, read_plan
from examples.launcher.ports import require_free
from examples.launcher.stopping import Stopped, Stopping

NEEDED = ("authlib", "click", "httpx2", "joserfc", "jwt", "starlette", "uvicorn")
WATCH_SECONDS = 0.5


def main(arguments: Sequence[str]) -> int:
    """Runs the demo until it is stopped; 0 when it ended as wished, 1 after one sentence of explanation."""
    try:
        plan = read_plan(arguments)
        _require_libraries()
        folder = Folder(plan.folder)
        if plan.reset:
            _say(f"Removed {plan.folder}." if folder.remove() else f"There is no demo in {plan.folder}.")
            return 0
        stopping = Stopping()
        with stopping.listening():
            _run(plan, folder, stopping)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except Stopped:
        _say("\nStopped. The data stay for the next 'make demo'.")
    return 0


def _run(plan: Plan, folder: Folder, stopping: Stopping) -> None:
    # 1. What could be in the way. 2. The data. 3. The programs. 4. The accounts, which need the programs.
    began = time.monotonic()
    folder.prepare()
    with folder.held(), Children(plan.environment, stopping) as children:
        require_free(plan.ports)
        state = folder.read_state()
        setup.settle_sizes(plan, state)
        folder.write_state(state)
        _say("Preparing the database and the keys ...")
        setup.lay_ground(children, folder)
        setup.fill_registers(children, folder, state)
        setup.register_portals(children, plan, folder, state)
        _say("Starting the provider and three portals ...")
        setup.start_services(children, plan, folder)
        setup.activate_citizens(children, plan, folder, state)
        setup.note_contacts(children, folder, state)
        folder.write_text("demo.env", write_environment(plan))
        folder.write_json("demo.json", list_facts(plan, folder, state))
        _say(f"Ready after {time.monotonic() - began:.1f} s.\n{draw_table(plan, folder, state)}")
        if plan.check:
            _say("\n".join(setup.check_sign_ins(plan, state)))
            return
        _watch(children)


def _watch(children: Children) -> NoReturn:
    while True:
        children.require_alive()
        time.sleep(WATCH_SECONDS)


def _require_libraries() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise DemoError(f"The library {missing[0]} is missing: start with 'make demo', which installs it.")


def _say(text: str) -> None:
    print(text, flush=True)
