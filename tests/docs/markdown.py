"""Reads what the documents' tests need of a Markdown file: blocks, markers, headings and links.

A marker is an HTML comment that begins a line; nobody sees it who reads the document:

  <!-- set-up: … -->      shell that is run first, not shown
  <!-- check: … -->       the same, for what must be true now
  <!-- file: PATH -->     the next block is put into this file
  <!-- output -->         the next block is what the last commands print; `…` stands for anything
  <!-- exits: N -->       the next commands end so
  <!-- background: TEXT --> the next commands go on running; TEXT is what they print when they are ready
  <!-- not run: REASON --> the next commands are only shown; REASONS has the reasons that there may be
  <!-- foreign -->        the next block of YAML is another program's
  <!-- in: KEY -->        the next piece of YAML belongs under this key of a repository: repo or webhook
"""

import dataclasses
import re

REASONS = {
    "builds": "compiles the project, as whoever runs the tests just did",
    "container": "needs a container engine",
    "cluster": "needs a Kubernetes cluster",
    "public host": "needs an account at a public git host, or another server of the reader's",
    "elsewhere": "is run by another test, which is named: elsewhere Suite.Test",
}
SHELL = {"sh", "bash"}
DATA = {"yaml", "json", "", "text", "ini", "sql", "nginx", "markdown"}


@dataclasses.dataclass
class Block:
    line: int
    info: str
    text: str
    markers: dict


@dataclasses.dataclass
class Document:
    blocks: list  # Block, and hidden ones with info "set-up" or "check"
    headings: set  # anchors
    links: list  # (line, target)
    codes: list  # (line, inline code)
    wrong: list  # (line, text)


def anchor_of(heading):
    """As GitHub makes them."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


OTHERS = {"table"}  # of tables.py
MARKERS = {"set-up", "check", "file", "output", "exits", "background", "not run", "foreign", "in"}


def read(text):
    document = Document([], set(), [], [], [])
    lines = text.split("\n")
    markers = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        begin = number + 1
        if line.startswith("<!--"):
            body = [line]
            while "-->" not in body[-1] and number + 1 < len(lines):
                number += 1
                body.append(lines[number])
            note_marker("\n".join(body)[4:].rsplit("-->", 1)[0].strip(), begin, document, markers)
        elif fence := re.match(r"^\s*(`{3,})\s*([\w-]*)\s*$", line):
            indent = len(line) - len(line.lstrip())
            body = []
            number += 1
            while number < len(lines) and lines[number].strip() != fence[1]:
                body.append(lines[number][indent:] if not lines[number][:indent].strip() else lines[number])
                number += 1
            document.blocks.append(Block(begin, fence[2], "\n".join(body) + "\n", dict(markers)))
            markers.clear()
        else:
            read_prose(line, begin, document)
            if line.strip() and markers:
                document.wrong.append((begin, f"the marker {', '.join(markers)} stands before no block"))
                markers.clear()
        number += 1
    return document


def note_marker(body, line, document, markers):
    name, _, value = body.partition(":")
    name = name.strip()
    if name in ("set-up", "check"):
        document.blocks.append(Block(line, name, value.strip("\n") + "\n", {}))
    elif name in MARKERS:
        markers[name] = value.strip()
    elif re.match(r"^[a-z -]{3,12}:", body) and name not in OTHERS:
        document.wrong.append((line, f"there is no marker '{name}'"))


def read_prose(line, number, document):
    if heading := re.match(r"^#{1,6} (.*)$", line):
        anchor = anchor_of(heading[1])
        count = 0
        while (anchor if count == 0 else f"{anchor}-{count}") in document.headings:
            count += 1
        document.headings.add(anchor if count == 0 else f"{anchor}-{count}")
    for code in re.findall(r"`([^`]+)`", line):
        document.codes.append((number, code.replace("\\|", "|")))
    plain = re.sub(r"`[^`]*`", "`", line)
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        document.links.append((number, target))
