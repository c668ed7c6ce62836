"""The steps from an empty folder to a running demo; each is skipped where it is already done."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from datetime import UTC, datetime

from examples.launcher.children import MOTCUA, Children
from examples.launcher.citizens import choose_citizens
from examples.launcher.folder import Citizen, Folder, State
from examples.launcher.plan import ORGANISATIONS, PEOPLE, PORTALS, SEED, DemoError, Plan, portal_file
from examples.launcher.visits import open_visitor
from examples.portal.registration import client_metadata, make_key
from examples.portal.settings import read_settings


def settle_sizes(plan: Plan, state: State) -> None:
    """Decides how many people there are, once for a folder.

    Raises:
        DemoError: the folder holds a population of another size than the one asked for.
    """
    if state.people == 0:
        state.people = plan.people or PEOPLE
        state.organisations = plan.organisations or max(10, state.people * ORGANISATIONS // PEOPLE)
    for what, asked, kept in (
        ("people", plan.people, state.people),
        ("organisations", plan.organisations, state.organisations),
    ):
        if asked is not None and asked != kept:
            raise DemoError(f"The demo's data hold {kept} {what}, not {asked}: run 'make demo-reset' first.")


def lay_ground(children: Children, folder: Folder) -> None:
    """Key-encryption key, tables, signing keys."""
    kek = folder.path / "kek"
    if not kek.exists():
        children.motcua("keys", "create-kek", str(kek))
    children.motcua("migrate")
    if not json.loads(children.motcua("keys", "list", "--json"))["keys"]:
        hold_first_ceremony(children, folder)


def hold_first_ceremony(children: Children, folder: Folder) -> None:
    """Two officers make the first keys; in the demo both are this program."""
    officers = [folder.path / "officers" / f"officer-{number}.key" for number in (1, 2)]
    officers[0].parent.mkdir(mode=0o700, exist_ok=True)
    for officer in officers:
        if not officer.exists():
            children.motcua("keys", "officer", str(officer), "--no-passphrase")
    by_both = [part for officer in officers for part in ("--officer", str(officer))]
    first, record = folder.path / "first-keys.json", folder.path / "first-keys.txt"
    for leftover in (first, record):
        leftover.unlink(missing_ok=True)
    children.motcua("keys", "ceremony", str(first), "--template", *by_both)
    children.motcua("keys", "ceremony", str(first), *by_both, "--record", str(record))


def fill_registers(children: Children, folder: Folder, state: State) -> None:
    """Invents the population and loads it, with a progress bar; an interrupted load goes on."""
    if not state.generated:
        shutil.rmtree(folder.registers, ignore_errors=True)
        sizes = ("--people", str(state.people), "--organisations", str(state.organisations))
        children.motcua(
            "registers", "generate", str(folder.registers), *sizes, "--seed", str(SEED), show=True
        )
        state.generated = True
        folder.write_state(state)
    if not state.loaded:
        children.motcua("registers", "load", str(folder.registers), show=True)
        state.loaded = True
        folder.write_state(state)


def register_portals(children: Children, plan: Plan, folder: Folder, state: State) -> None:
    """Makes each portal's key and tells the provider about the portal, where that changed."""
    changed, commands = dict(state.clients), []
    for name in PORTALS:
        settings = read_settings(portal_file(name), issuer=plan.issuer, base_url=plan.portal_url(name))
        metadata = client_metadata(settings, make_key(folder.portals / f"{name}.key.json"))
        changed[name] = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).hexdigest()
        if state.clients.get(name) != changed[name]:
            file = folder.write_json(f"portals/{name}.client.json", metadata)
            commands.append(("clients", "add", str(file), "--replace"))
    children.motcua_together(commands)
    state.clients = changed
    folder.write_state(state)


def start_services(children: Children, plan: Plan, folder: Folder) -> None:
    """Starts the provider and the portals side by side."""
    children.start_service(
        "The provider",
        [*MOTCUA, "serve"],
        health_url=f"http://127.0.0.1:{plan.port_base}/health/ready",
        log=folder.logs / "provider.log",
    )
    for name in PORTALS:
        command = [sys.executable, "-m", "examples.portal", str(portal_file(name))]
        command += ["--key", str(folder.portals / f"{name}.key.json")]
        command += ["--issuer", plan.issuer, "--base-url", plan.portal_url(name)]
        children.start_service(
            f"The {name} portal",
            command,
            health_url=f"http://127.0.0.1:{plan.portal_port(name)}/health",
            log=folder.logs / f"{name}.log",
        )


def activate_citizens(children: Children, plan: Plan, folder: Folder, state: State) -> None:
    """Gives three citizens an account: an officer's command for the code, the public pages for the rest.

    The commands run while the provider starts; the pages need it to be well.
    """
    if state.citizens:
        children.wait_until_healthy()
        return
    chosen = choose_citizens(folder.registers, datetime.now(UTC).date())
    numbers = [citizen.personal_number for citizen in chosen.citizens]
    answers = children.motcua_together([("accounts", "activate", number, "--json") for number in numbers])
    children.wait_until_healthy()
    for citizen, answer in zip(chosen.citizens, answers, strict=True):
        _activate(plan, citizen, answer)
    state.citizens, state.newcomer = chosen.citizens, chosen.newcomer
    folder.write_state(state)


def note_contacts(children: Children, folder: Folder, state: State) -> None:
    """Lets an officer note how the citizens can be reached; nobody has checked the address of the second."""
    if state.contacts_noted:
        return
    # No operator has the prefix 095, and no mail goes to .example (RFC 2606 §2): these belong to nobody.
    checked: tuple[tuple[str, ...], ...] = (("--verified",), (), ("--verified",))
    children.motcua_together(
        [
            ("accounts", "contact", citizen.personal_number, "--phone-number", f"+8495000000{number}",
             "--email", f"cong-dan-{number}@thu.example", *verified)
            for number, (citizen, verified) in enumerate(zip(state.citizens, checked, strict=True), 1)
        ]
    )  # fmt: skip
    state.contacts_noted = True
    folder.write_state(state)


def check_sign_ins(plan: Plan, state: State) -> list[str]:
    """Signs in at every portal as citizens would, and says what was seen.

    Raises:
        DemoError: a portal was not reached.
    """
    first, representative = state.citizens[0], state.citizens[2]
    seen = []
    with open_visitor() as visitor:
        for name in ("ministry", "province"):
            visitor.sign_in(plan.portal_url(name), first)
            seen.append(f"{name} portal: {first.name} signed in, {visitor.pages} pages of the provider")
    with open_visitor() as visitor:
        page = visitor.sign_in(plan.portal_url("enterprise"), representative)
    acted = "for a company" if "nhân danh" in page and "không nhân danh" not in page else "for nobody"
    seen.append(f"enterprise portal: {representative.name} signed in and acts {acted}")
    return seen


def _activate(plan: Plan, citizen: Citizen, answer: str) -> None:
    try:
        code = str(json.loads(answer)["code"])
    except (ValueError, KeyError, TypeError) as error:
        raise DemoError("'motcua accounts activate' gave no code.") from error
    with open_visitor() as visitor:
        visitor.activate(plan.issuer, citizen, code)
