#!/usr/bin/python3
"""Makes docs/configuration.md from config/schema.json and the table of config/environment.cpp.

usage: configuration_page.py [--check] SOURCE_DIRECTORY

--check: writes nothing; exit status 1 where the page is not what would be written. Either way it is an error
where a key has no description, or neither a default nor an example: of the schema, or in examples/gitferry.yaml.
"""

import json
import pathlib
import re
import sys

import yaml

HEAD = """\
# Configuration

<!-- Made by docs/configuration_page.py from config/schema.json: change those, then run `./dev docs`. -->

Every key of `gitferry.yaml`, and every environment variable. Before you start the agent, and before you reload it, let the program look at the
file: `gitferry check-config` says what is wrong with line and column, `gitferry print-config` shows what is in force, defaults and all.

- The file is YAML 1.2, at most 16 MiB, without anchors, tags or merge keys. An unknown or doubled key is an error, not a shrug.
- **Durations** are a whole number and a unit: `500ms`, `10s`, `5m`, `1h`, `7d`.
- **Secrets** are never in the file. `…_file` names a file that only its owner may read (0600; or root's and readable by gitferry's group, 0440),
  `…_env` an environment variable. A relative path starts at the working directory.
- **Reload** (SIGHUP, or `watch: true`) takes up `repos`, `webhooks`, `credentials`, `auth`, and what the files of `server.tls` hold. Other changes of
  `server`, `storage`, `sync` and `network` need a restart. A file that is wrong changes nothing.

In editors that know YAML, this first line gives completion: `# yaml-language-server: $schema=PATH/schema.json`.
[`examples/gitferry.yaml`](../examples/gitferry.yaml) shows every key in its place.
"""

MIDDLE = """\

## Environment variables

A variable takes the place of one key, whatever the file says; an empty one counts as not set. Lists have none. For `true` and `false`, `1` and `0` may
be written. What the environment replaced is told by `gitferry print-config --json` (`overridden_by`).

| variable | key |
| --- | --- |
"""

TAIL = """\

`SYNC_DIR`, `DELETE_SYNC_DIR` and `LOG_DETAIL` are those of the original service; where both are set, the longer name counts.

Besides these, the program looks at what your configuration names in `…_env`; at `NOTIFY_SOCKET` and `WATCHDOG_USEC`, which systemd sets; and at
`HOME` and `SSH_AUTH_SOCK`, for ssh and for credential helpers. Proxies of the environment (`https_proxy`) are not used: see `network.proxy`.
"""


class Page:
    def __init__(self, schema, shown):
        self.example_file = shown
        self.definitions = schema["definitions"]
        self.lines = []
        self.wrong = []
        self.shown_at = {}  # definition -> where its keys are

    def resolved(self, value):
        """What $ref leads to; the words beside it stay."""
        if "$ref" not in value:
            return value
        target = self.definitions
        for part in value["$ref"].split("/")[2:]:
            target = target[part]
        own = {key: text for key, text in value.items() if key != "$ref"}
        return {**self.resolved(target), **own}

    def kind(self, value):
        name = value.get("$ref", "").rsplit("/", 1)[-1]
        if name == "duration" or any(c.get("$ref", "").endswith("/duration") for c in value.get("anyOf", [])):
            return "duration, or `off`" if "anyOf" in value else "duration"
        value = self.resolved(value)
        if "const" in value:
            return f"always `{value['const']}`"
        if "enum" in value:
            return "one of " + ", ".join(f"`{word}`" for word in value["enum"])
        if value.get("type") == "integer":
            if "minimum" in value:
                return f"number, {value['minimum']} to {value['maximum']}"
            return "number"
        if value.get("type") == "array":
            items = self.resolved(value["items"])
            if "enum" in items:
                return "list of " + ", ".join(f"`{word}`" for word in items["enum"])
            return "list of entries" if "properties" in items else "list of texts"
        return {"boolean": "`true` or `false`", "string": "text", "object": "section"}[value["type"]]

    def in_example_file(self, path):
        """What the example of all settings has there; of a secret it shows one of the two sources."""
        found = [self.example_file]
        for key in path.split("."):
            name = key.removesuffix("[]")
            found = [node[name] for node in found if isinstance(node, dict) and name in node]
            if key.endswith("[]"):
                found = [item for items in found for item in items]
        plain = [value for value in found if not isinstance(value, dict)]
        if plain:
            return plain[0]
        if path.endswith("_env"):
            return "ROBOT_" + path.rsplit(".", 1)[-1].removesuffix("_env").upper()
        return "/run/secrets/robot" if path.endswith("_file") else None

    @staticmethod
    def shown(value):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return "`" + text.replace("|", "\\|") + "`"

    def row(self, path, key, value, required):
        whole = self.resolved(value)
        words = whole.get("description", "")
        if not words:
            self.wrong.append(f"{path}: has no description")
        default = "**required**" if key in required else self.shown(whole["default"]) if "default" in whole else "–"
        example = whole.get("examples", [None])[0]
        if example is None and "enum" in whole:
            example = next((word for word in whole["enum"] if word != whole.get("default")), None)
        if example is None and whole.get("type") == "boolean":
            example = not whole.get("default", False)
        if example is None and "const" in whole:
            example = whole["const"]
        if example is None and "default" in whole:
            example = whole["default"]
        if example is None:
            example = self.in_example_file(path)
        if example is None:
            self.wrong.append(f"{path}: has neither a default nor an example")
            example = ""
        words = words.replace("|", "\\|")
        self.lines.append(f"| `{key}` | {self.kind(value)} | {default} | {self.shown(example)} | {words} |")

    def section(self, path, value):
        """A table of the keys; what they lead to comes behind it."""
        self.lines += ["", f"## `{path}`" if path else "## The file", ""]
        self.lines += ["| key | type | default | example | what it does |", "| --- | --- | --- | --- | --- |"]
        deeper = []
        for key, member in value["properties"].items():
            whole = self.resolved(member)
            here = f"{path}.{key}" if path else key
            items = self.resolved(whole["items"]) if "items" in whole else {}
            below = whole if "properties" in whole else items if "properties" in items else None
            if below is None:
                self.row(here, key, member, value.get("required", []))
                continue
            anchor = here + ("[]" if below is items else "")
            words = whole.get("description", "")
            if not words:
                self.wrong.append(f"{here}: has no description")
            # What is the same twice is told once.
            name = member.get("$ref", here)
            if name not in self.shown_at:
                self.shown_at[name] = anchor
                deeper.append((anchor, below))
            at = self.shown_at[name]
            link = re.sub(r"[^a-z0-9_-]", "", at.lower())
            self.lines.append(f"| `{key}` | {self.kind(member)} | – | [`{at}`](#{link}) | {words} |")
        for entry in deeper:
            self.section(*entry)


def page_of(source):
    schema = json.loads((source / "config" / "schema.json").read_text(encoding="utf-8"))
    page = Page(schema, yaml.safe_load((source / "examples/gitferry.yaml").read_text(encoding="utf-8")))
    page.section("", page.resolved({"$ref": "#/definitions/root"}))
    overrides = re.findall(r'Override\{"([A-Z_]+)", "([a-z_.]+)"', (source / "config/environment.cpp").read_text())
    if len(overrides) < 20:
        page.wrong.append("config/environment.cpp: its table was not found")
    variables = "".join(f"| `{name}` | `{key}` |\n" for name, key in overrides)
    return HEAD + "\n".join(page.lines) + "\n" + MIDDLE + variables + TAIL, page.wrong


def main():
    arguments = [word for word in sys.argv[1:] if word != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    source = pathlib.Path(arguments[0])
    text, wrong = page_of(source)
    page = source / "docs" / "configuration.md"
    for line in wrong:
        print(f"config/schema.json: {line}")
    if "--check" not in sys.argv:
        page.write_text(text, encoding="utf-8")
    elif not page.exists() or page.read_text(encoding="utf-8") != text:
        print("docs/configuration.md is not what config/schema.json says: run ./dev docs")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
