#!/usr/bin/python3
"""Checks the example configurations against config/schema.json, as an editor does.

usage: validate_examples.py SOURCE_DIRECTORY

Each must begin with the line that makes editors use the schema, and be valid by it; the schema itself must be
one of JSON Schema, draft 7. Exit status 1, with a line for each finding, where something is wrong.
"""

import json
import pathlib
import re
import sys

import jsonschema
import yaml

MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")


def findings(example, schema_path, validator):
    lines = example.read_text(encoding="utf-8").splitlines()
    modeline = MODELINE.fullmatch(lines[0]) if lines else None
    if modeline is None:
        yield "1: the first line must be: # yaml-language-server: $schema=PATH"
    elif (example.parent / modeline[1]).resolve() != schema_path.resolve():
        yield f"1: '{modeline[1]}' does not lead to {schema_path.name}"
    for error in validator.iter_errors(yaml.safe_load("\n".join(lines))):
        yield f"{'.'.join(str(part) for part in error.absolute_path) or 'root'}: {error.message}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[1])
    schema_path = source / "config" / "schema.json"
    schema = json.loads(schema_path.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    folder = source / "examples"  # what others have besides are files of other programs
    examples = sorted({*folder.glob("*.yaml"), *folder.rglob("gitferry.yaml")})
    wrong = [f"{example}: {text}" for example in examples for text in findings(example, schema_path, validator)]
    if not examples:
        wrong.append(f"{source / 'examples'}: no example was found")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
