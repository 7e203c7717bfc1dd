#!/usr/bin/python3
"""Compares the documents' tables with what the program has.

usage: tables.py SOURCE_DIRECTORY

docs/operations.md must have each error of agent/base/error.cpp with its number, HTTP status and rule, each metric and each alert, and no
other; docs/webhooks.md a section of each kind of sender.
"""

import pathlib
import re
import sys

import yaml


def table(text, name):
    """The cells of the rows between `<!-- table: NAME -->` and `<!-- end of table -->`."""
    found = re.search(rf"<!-- table: {name} -->(.*?)<!-- end of table -->", text, re.S)
    if not found:
        return None
    lines = [line for line in found[1].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def compare(what, told, known, wrong):
    for name in sorted(known - told):
        wrong.append(f"docs/operations.md: {what} {name} is missing")
    for name in sorted(told - known):
        wrong.append(f"docs/operations.md: there is no {what} {name}")


def check_errors(source, text, wrong):
    rows = re.findall(r'ErrorInfo\{\w+, "(\w+)", (\d+), (\d+), (kNever|kTransient), ',
                      (source / "agent/base/error.cpp").read_text(encoding="utf-8"))
    if len(rows) < 40:
        wrong.append("agent/base/error.cpp: its table was not found")
    known = {name: (number, status, rule == "kTransient") for name, number, status, rule in rows}
    told = {}
    for number, name, status, again, words in table(text, "errors") or []:
        name = name.strip("`")
        if again not in ("no", "by itself", "at the next event"):
            wrong.append(f"docs/operations.md: {name} is tried again '{again}', which is no such rule")
        if len(words) < 20:
            wrong.append(f"docs/operations.md: {name} does not say what to do")
        told[name] = (number, status, again == "by itself")
    compare("error", set(told), set(known), wrong)
    for name in sorted(set(told) & set(known)):
        if told[name] != known[name]:
            wrong.append(f"docs/operations.md: {name} is {told[name]}, but {known[name]} in agent/base/error.cpp")


def check_metrics(source, text, wrong):
    """Names are literals of the program's, with the prefix that all have."""
    literal = re.compile(r'"(gitferry_[a-z0-9_]+)"')
    known = set()
    for folder in ("agent", "api"):
        for file in sorted((source / folder).rglob("*.cpp")) + sorted((source / folder).rglob("*.h")):
            known |= set(literal.findall(file.read_text(encoding="utf-8")))
    told = {cells[0].strip("`").split("{")[0] for cells in table(text, "metrics") or []}
    if known:
        compare("metric", {name for name in told if name.startswith("gitferry_")}, known, wrong)
    alerts = set()
    for file in sorted((source / "examples/prometheus").glob("*.y*ml")):
        document = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        for group in document.get("groups", []) if isinstance(document, dict) else []:
            alerts |= {rule["alert"] for rule in group["rules"] if "alert" in rule}
    if alerts:
        compare("alert", {cells[0].strip("`") for cells in table(text, "alerts") or []}, alerts, wrong)


def check_senders(source, wrong):
    catalogue = (source / "agent/model/webhook_source.cpp").read_text(encoding="utf-8")
    providers = set(re.findall(r'WebhookKind\{(?:\.provider = )?"([a-z-]+)"', catalogue))
    if len(providers) < 10:
        wrong.append("agent/model/webhook_source.cpp: its catalogue was not found")
    text = (source / "docs/webhooks.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    for provider in sorted(providers):
        own = [section for section in sections if re.search(rf"provider: {provider}\b", section) and "**Success**" in section]
        if not own:
            wrong.append(f"docs/webhooks.md: no section with a configuration and a success of {provider}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[1])
    operations = (source / "docs/operations.md").read_text(encoding="utf-8")
    wrong = []
    check_errors(source, operations, wrong)
    check_metrics(source, operations, wrong)
    check_senders(source, wrong)
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
