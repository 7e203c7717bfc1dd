#!/usr/bin/python3
"""Runs what a document says: its commands in a world of their own, its configurations through check-config, its links to their ends.

usage: run_document.py SOURCE_DIRECTORY GITFERRY DOCUMENT

Exit status 1, with a line for each finding, where the document does not say what is so. markdown.py has the markers.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import yaml

import markdown
import world as worlds

LIMIT_S = 300
REPOSITORY = {"name": "robot", "internal": "https://gitlab.corp/acme/robot.git", "external": "https://github.com/acme/robot.git"}


class Checker:
    def __init__(self, source, gitferry, path):
        self.source = source
        self.gitferry = gitferry
        self.path = path
        self.document = markdown.read(path.read_text(encoding="utf-8"))
        self.wrong = list(self.document.wrong)
        self.help = {}

    def add(self, line, text):
        self.wrong.append((line, text))

    # ---- links and names --------------------------------------------------------------------------------------
    def check_links(self):
        for line, target in self.document.links:
            if re.match(r"^[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (self.path.parent / name).resolve() if name else self.path
            if not file.exists():
                self.add(line, f"the link leads nowhere: {target}")
            elif anchor and file.suffix == ".md":
                headings = markdown.read(file.read_text(encoding="utf-8")).headings
                if anchor not in headings:
                    self.add(line, f"there is no heading for {target}")

    def help_of(self, command):
        if command not in self.help:
            done = subprocess.run([self.gitferry, *command.split(), "--help"], capture_output=True, text=True)
            self.help[command] = done.stdout if done.returncode == 0 else ""
        return self.help[command]

    def check_codes(self):
        """Commands in the midst of sentences are those that there are, with options that there are."""
        for line, code in self.document.codes:
            if not (found := re.match(r"^gitferry (hooks [a-z]+|[a-z][a-z-]*)(.*)$", code)):
                continue
            text = self.help_of(found[1])
            if not text:
                self.add(line, f"there is no command gitferry {found[1]}")
            for option in re.findall(r"(?<![\w-])(--[a-z-]+)", found[2]):
                if not re.search(rf"(^|[\s,]){option}\b", text):
                    self.add(line, f"gitferry {found[1]} has no option {option}")

    # ---- blocks -----------------------------------------------------------------------------------------------
    def check_reason(self, block):
        reason, _, test = block.markers["not run"].partition(" ")
        if block.markers["not run"] in markdown.REASONS and reason != "elsewhere":
            return
        if reason != "elsewhere":
            self.add(block.line, f"'{block.markers['not run']}' is no reason not to run commands")
            return
        suite, _, name = test.partition(".")
        pattern = re.compile(rf"TEST(_F|_P)?\({re.escape(suite)}, *{re.escape(name)}\)" if name else rf"NAME {re.escape(suite)}\b")
        sources = [*self.source.glob("tests/**/*.cpp"), *self.source.glob("tests/**/CMakeLists.txt")]
        if not any(pattern.search(file.read_text(encoding="utf-8", errors="replace")) for file in sources):
            self.add(block.line, f"there is no test {test}")

    def whole_configuration(self, block):
        """A piece of a configuration as part of one."""
        tree = yaml.safe_load(block.text)
        place = block.markers.get("in")
        if place == "repo" or (isinstance(tree, dict) and set(tree) <= {"webhook", "policy", "tags", "deletions", "direction"}):
            return yaml.safe_dump({"version": 1, "repos": [{**REPOSITORY, "direction": "both", **tree}]}, sort_keys=False)
        return block.text if "version" in tree else "version: 1\n" + block.text

    def check_yaml(self, world, block):
        try:
            text = world.files_here(self.whole_configuration(block))
        except yaml.YAMLError as error:
            self.add(block.line, f"is not YAML: {error}")
            return
        file = world.root / "out" / f"{block.line}.yaml"
        file.write_text(text, encoding="utf-8")
        world.make_files(text, world.root / "work")
        variables = dict.fromkeys(re.findall(r"\b\w*env: *([A-Z_0-9]+)", text), worlds.HOOK_SECRET)
        done = subprocess.run([self.gitferry, "check-config", "--config", file], capture_output=True, text=True,
                              cwd=world.root / "work", env={**world.environment(), **variables})
        if done.returncode != 0:
            self.add(block.line, f"check-config: {done.stderr.strip()}")

    @staticmethod
    def runnable(world, text):
        """A whole configuration with the hosts of the world, which speak plain http on this machine."""
        tree = yaml.safe_load(world.here(text))
        network = tree.setdefault("network", {})
        network["allow_schemes"] = ["http", "https", "ssh", "file"]
        network["allow_cidrs"] = ["127.0.0.0/8"]
        network["local_directories"] = ["/"]
        tree.setdefault("server", {})["listen"] = f"127.0.0.1:{world.port}"
        for rule in tree.get("credentials", []):
            if "password_file" in rule:
                rule["username"] = "bot"
        return yaml.safe_dump(tree, sort_keys=False)

    def script_of(self, world):
        """All commands as one script, so that what one sets the next has."""
        lines = ["set -euo pipefail", 'cd "$WORLD/work"']
        for block in self.document.blocks:
            is_shell = block.info in markdown.SHELL
            if is_shell and "not run" in block.markers:
                continue
            if is_shell or block.info in ("set-up", "check"):
                out = world.root / "out" / str(block.line)
                lines.append(f'echo {block.line} >"$WORLD/at"')
                body = world.here(block.text)
                if wanted := block.markers.get("exits"):
                    lines += ["set +e", "(", body, f') >"{out}" 2>&1 </dev/null', "code=$?", "set -e", f'[[ $code == {wanted} ]]']
                elif ready := block.markers.get("background"):
                    lines += ["(", body, f') >"{out}" 2>&1 </dev/null &', f'wait-for grep -q "{ready}" "{out}"']
                else:
                    lines += ["{", body, f'}} >"{out}" 2>&1 </dev/null']
            elif "file" in block.markers:
                content = world.root / "out" / f"{block.line}.file"
                content.write_text(self.runnable(world, block.text) if block.info == "yaml" else world.here(block.text))
                world.make_files(world.here(block.text), world.root / "work")
                target = world.here(block.markers["file"])
                lines += [f'mkdir -p "$(dirname "{target}")"', f'cp "{content}" "{target}"']
        return "\n".join(lines) + "\n"

    def run_commands(self, world):
        script = world.root / "script"
        script.write_text(self.script_of(world), encoding="utf-8")
        process = subprocess.Popen(["bash", script], env=world.environment(), start_new_session=True,
                                   stdout=subprocess.DEVNULL, stderr=(world.root / "script.err").open("w"))
        try:
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            code = f"no end within {LIMIT_S} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if code == 0:
            return True
        at = int((world.root / "at").read_text()) if (world.root / "at").exists() else 0
        out = world.root / "out" / str(at)
        said = out.read_text(errors="replace").strip() if out.exists() else ""
        log = world.root / "agent.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""
        self.add(at, f"the commands end with {code}:\n{said}\n{(world.root / 'script.err').read_text().strip()}\n{tail}")
        return False

    def check_outputs(self, world):
        said = ""
        for block in self.document.blocks:
            if block.info in markdown.SHELL and "not run" not in block.markers:
                said = (world.root / "out" / str(block.line)).read_text(errors="replace")
            elif "output" in block.markers:
                rest = said.splitlines()
                for line in block.text.splitlines():
                    pattern = ".*".join(re.escape(part) for part in re.split(r"…", world.here(line).strip()))
                    pattern = re.sub(r"(\\ )+", r"\\s+", pattern)
                    index = next((i for i, text in enumerate(rest) if re.fullmatch(pattern, text.strip())), None)
                    if index is None:
                        self.add(block.line, f"is not printed: {line}\nbut:\n{said.strip()}")
                        break
                    rest = rest[index + 1:]

    def check_blocks(self):
        for block in self.document.blocks:
            if block.info not in markdown.SHELL | markdown.DATA | {"set-up", "check"}:
                self.add(block.line, f"a block of '{block.info}', of which nothing is known")
            if block.info in markdown.SHELL and "not run" in block.markers:
                self.check_reason(block)
            if block.info == "json" and "…" not in block.text:
                try:
                    json.loads(block.text)
                except ValueError as error:
                    self.add(block.line, f"is not JSON: {error}")
        configurations = [b for b in self.document.blocks if b.info == "yaml" and "foreign" not in b.markers]
        needs_world = configurations or any(
            b.info in ("set-up", "check") or (b.info in markdown.SHELL and "not run" not in b.markers) for b in self.document.blocks)
        if not needs_world:
            return
        commands = "".join(b.text for b in self.document.blocks if b.info not in ("yaml", "json") or "file" in b.markers)
        has_hosts = re.search(r"gitlab\.example\.org|github\.com|a-running-agent|commit-to", commands) is not None
        with worlds.World(self.source, self.gitferry, has_hosts) as world:
            for block in configurations:
                self.check_yaml(world, block)
            if self.run_commands(world):
                self.check_outputs(world)

    def check(self):
        self.check_links()
        self.check_codes()
        self.check_blocks()
        return self.wrong


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    source, gitferry, path = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    wrong = Checker(source, gitferry, path).check()
    for line, text in sorted(wrong, key=lambda found: found[0]):
        print(f"{path}:{line}: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
