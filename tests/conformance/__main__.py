"""`python -m tests.conformance`: run the OpenID Foundation's conformance suite against this provider."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.conformance.browser import Visitor
from tests.conformance.expectations import Verdict, judge
from tests.conformance.plans import PLANS, Configuration, Plan, configuration
from tests.conformance.provider import Installation, install
from tests.conformance.static_clients import in_configuration
from tests.conformance.suite import Module, Outcome, Suite
from tests.conformance.telephone import telephone_of
from tests.support.population import HOA
from tests.support.served import serving

ROTATES_KEYS: Final = "oidcc-server-rotate-keys"
SECONDS_TO_HEAR: Final = 5  # until the provider serves a changed key set; it looks every two

_MARKS: Final = {
    Verdict.AS_EXPECTED: "ok",
    Verdict.BETTER: "better than expected",
    Verdict.WORSE: "NOT EXPECTED",
}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument(
        "--suite", required=True, help="address of a running suite, e.g. https://localhost:8443"
    )
    parser.add_argument("--token", default="", help="its API token, where it asks for one")
    parser.add_argument(
        "--issuer", required=True, help="https address under which the suite reaches the provider"
    )
    parser.add_argument(
        "--mtls", default="", help="https address where your TLS proxy asks clients for certificates"
    )
    parser.add_argument(
        "--listen", default="127.0.0.1:9300", help="where the provider listens, behind your TLS proxy"
    )
    parser.add_argument(
        "--certificate", type=Path, help="file with the certificate of the suite, to be trusted"
    )
    parser.add_argument(
        "--configurations", type=Path, metavar="FOLDER", help="write what each plan is given there as well"
    )
    parser.add_argument("--module", action="append", default=[], help="only this module; may be repeated")
    parser.add_argument("plan", nargs="*", help=f"some of: {', '.join(plan.alias for plan in PLANS)}")
    return parser.parse_args()


def _chosen(names: Sequence[str]) -> list[Plan]:
    unknown = set(names) - {plan.alias for plan in PLANS}
    if unknown:
        raise SystemExit(f"No such plan: {', '.join(sorted(unknown))}")
    return [plan for plan in PLANS if not names or plan.alias in names]


def _check_address(plans: Sequence[Plan], mtls: str) -> None:
    if wanting := [plan.alias for plan in plans if plan.wants_certificates and not mtls]:
        raise SystemExit(f"Clients show certificates, so --mtls is needed: {', '.join(wanting)}")


def _run_module(suite: Suite, plan_id: str, module: Module, installation: Installation) -> Outcome:
    run = suite.begin(plan_id, module)
    if suite.wait(run, "CONFIGURED", "WAITING") == "CONFIGURED":
        if module.name == ROTATES_KEYS:
            asyncio.run(installation.rotate_keys())
            time.sleep(SECONDS_TO_HEAR)
        suite.start(run)
    suite.wait(run)
    return suite.outcome(run, module)


def _configured(plan: Plan, installation: Installation, folder: Path | None) -> Configuration:
    """The configuration of a plan; a person may give it to the suite by hand, from the file."""
    clients = in_configuration(installation.clients[plan.alias])
    made = configuration(plan, installation.visitor, clients)
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps(made, indent=2, ensure_ascii=False)
        (folder / f"{plan.alias}.json").write_text(f"{text}\n", encoding="utf-8")
    return made


def _run_plan(
    suite: Suite, plan: Plan, installation: Installation, made: Configuration, only: Sequence[str]
) -> int:
    """Run a plan, say of each module how it ended, and count those that ended worse than expected."""
    plan_id, modules = suite.make_plan(plan.name, plan.variant, made)
    _say(f"{plan.alias}: {suite.address}/plan-detail.html?plan={plan_id}")
    worse = 0
    for module in modules:
        if only and module.name not in only:
            continue
        outcome = _run_module(suite, plan_id, module, installation)
        verdict = judge(plan, outcome)
        worse += verdict is Verdict.WORSE
        _say(f"  {outcome.result:8} {module.name:100} {_MARKS[verdict]}")
        if verdict is Verdict.WORSE:
            _say("\n".join(f"           {line}" for line in (*outcome.failures, outcome.address)))
    return worse


def main() -> None:
    """Make an installation, serve it, run the plans; the exit status counts what was not expected."""
    asked = _arguments()
    plans = _chosen(asked.plan)
    _check_address(plans, asked.mtls)
    person = Visitor(
        asked.issuer.rstrip("/"),
        asked.suite.rstrip("/"),
        HOA.number,
        secrets.token_urlsafe(18),
        asked.mtls.rstrip("/"),
    )
    with (
        TemporaryDirectory(prefix="motcua-conformance-") as name,
        Suite(asked.suite, asked.token) as suite,
        telephone_of(person) as visitor,
    ):
        folder = Path(name)
        installation = asyncio.run(install(folder, visitor, plans))
        environment = installation.environment(asked.listen, asked.certificate)
        port = int(asked.listen.rpartition(":")[2])
        with serving(environment, folder / "serve.log", port):
            worse = 0
            for plan in plans:
                made = _configured(plan, installation, asked.configurations)
                worse += _run_plan(suite, plan, installation, made, asked.module)
    _say(f"{worse} not expected")
    sys.exit(min(worse, 99))


if __name__ == "__main__":
    main()
