#!/usr/bin/python3
"""Shows that run_document.py finds what is wrong: each document below has one fault, and one has none.

usage: self_test.py SOURCE_DIRECTORY GITFERRY
"""

import pathlib
import subprocess
import sys
import tempfile

FENCE = "```"
GOOD = f"""# A title

See [the title](#a-title), [the other](other.md#there) and `gitferry check-config --config x`.

<!-- file: gitferry.yaml -->
{FENCE}yaml
version: 1
repos: []
{FENCE}

{FENCE}sh
gitferry check-config
{FENCE}

<!-- output -->
{FENCE}
ok: … repositories, 0 branches
{FENCE}

<!-- exits: 78 -->
{FENCE}sh
gitferry check-config --config missing.yaml
{FENCE}

<!-- check:
test "$(gitferry check-config)" = "ok: 0 repositories, 0 branches"
-->
"""

FAULTS = [
    ("a command that fails", "gitferry check-config\n", "gitferry check-config --config nowhere.yaml\n", "the commands end with"),
    ("a command that fails in the midst", "gitferry check-config\n", "false\ngitferry check-config\n", "the commands end with"),
    ("another output", "0 branches\n`", "1 branches\n`", "is not printed"),
    ("a configuration with a slip", "repos: []", "repoz: []", "check-config"),
    ("a check that does not hold", 'branches"', 'twigs"', "the commands end with"),
    ("a command that ends otherwise", "exits: 78", "exits: 1", "the commands end with"),
    ("a link to no file", "other.md#there", "others.md", "leads nowhere"),
    ("a link to no heading", "#a-title", "#b-title", "no heading"),
    ("a link to no heading elsewhere", "other.md#there", "other.md#gone", "no heading"),
    ("an unknown command", "`gitferry check-config --config x`", "`gitferry check-konfig`", "no command"),
    ("an unknown option", "check-config --config x`", "check-config --konfig x`", "no option"),
    ("no reason", "<!-- exits: 78 -->", "<!-- not run: too long -->", "is no reason"),
    ("a test that is not there", "<!-- exits: 78 -->", "<!-- not run: elsewhere No.Such -->", "there is no test"),
    ("a marker of nothing", "<!-- exits: 78 -->", "<!-- exits: 78 -->\n\nText.", "stands before no block"),
    ("an unknown marker", "<!-- exits: 78 -->", "<!-- exit: 78 -->", "no marker"),
    ("an unknown block", f"{FENCE}yaml", f"{FENCE}yamml", "nothing is known"),
]


def run(source, gitferry, text):
    with tempfile.TemporaryDirectory() as directory:
        document = pathlib.Path(directory, "document.md")
        document.write_text(text, encoding="utf-8")
        pathlib.Path(directory, "other.md").write_text("# There\n", encoding="utf-8")
        done = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("run_document.py"), source, gitferry, document],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def main():
    source, gitferry = sys.argv[1:]
    wrong = []
    code, said = run(source, gitferry, GOOD)
    if code != 0:
        wrong.append(f"the good document: {said}")
    for what, right, fault, expected in FAULTS:
        assert right in GOOD, right
        code, said = run(source, gitferry, GOOD.replace(right, fault, 1))
        if code != 1 or expected not in said:
            wrong.append(f"{what}: exit status {code}, and: {said}")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
