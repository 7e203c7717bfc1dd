#!/usr/bin/env python3
"""Plants defects one at a time and says which tests see them: a test that cannot fail proves nothing.

    mutate.py check              every mutant's place is there, once
    mutate.py run [NAME ...]     builds each in a copy of the tree, and runs the tests that are to fail by it

A mutant is caught where one of its tests fails by an assertion of its own; a crash, a time-out and a build that
fails are not that. Exit code 1: one escaped."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from mutants import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "mutate"
# As far below its sources as the developers' build is below theirs: the compiler's cache knows most of it already.
BUILD = TREE / "build" / "dev"
LONGEST_S = 300


def places(mutant, root):
    return (root / mutant.file).read_text(encoding="utf-8").count(mutant.old)


def check():
    wrong = [f"{m.name}: its text is {places(m, ROOT)} times in {m.file}" for m in MUTANTS if places(m, ROOT) != 1]
    names = [m.name for m in MUTANTS]
    wrong += [f"{name}: the name is given twice" for name in set(names) if names.count(name) > 1]
    for line in wrong:
        print(line)
    print(f"mutations: {len(MUTANTS)} mutants, {len(wrong)} without their place")
    return 1 if wrong else 0


def copy_tree():
    """What git knows of, and only where it differs, so that little is built anew."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True, capture_output=True
    )
    wanted = {Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name}
    wanted = {path for path in wanted if (ROOT / path).is_file()}
    for path in sorted(wanted):
        source, target = ROOT / path, TREE / path
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        target.touch()
    for path in TREE.rglob("*"):
        if path.is_file() and not path.is_relative_to(BUILD) and path.relative_to(TREE) not in wanted:
            path.unlink()


def build(program):
    done = subprocess.run(["cmake", "--build", BUILD, "--target", program], capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def failed_tests(program, tests):
    """Those that failed by themselves, of how many, and how the program ended where not by its own."""
    found = [path for path in BUILD.rglob(program) if path.is_file() and os.access(path, os.X_OK)]
    command = [str(found[0]), f"--gtest_filter={tests}:-Full*"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return [], 0, "timed out"
    failed = re.findall(r"^\[  FAILED  \] (\S+?),? .*\(\d+ ms\)$", ran.stdout, re.MULTILINE)
    count = len(re.findall(r"^\[ RUN      \]", ran.stdout, re.MULTILINE))
    end = "" if ran.returncode in (0, 1) else f"ended with {ran.returncode}"
    return failed, count, end


def try_one(mutant):
    path = TREE / mutant.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        is_built, said = build(mutant.program)
        if not is_built:
            return False, "does not build:\n" + said[-1500:]
        failed, count, end = failed_tests(mutant.program, mutant.tests)
    finally:
        path.write_text(sound, encoding="utf-8")
    if not failed:
        return False, f"ESCAPED {count} tests of {mutant.program} {end}"
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return True, f"{failed[0]}{more} of {count} {end}"


def is_sound(chosen):
    """Whether all tests pass while nothing is planted."""
    for program, tests in sorted({(m.program, m.tests) for m in chosen}):
        is_built, said = build(program)
        if not is_built:
            print(f"{program} does not build as it is:\n{said[-3000:]}")
            return False
        failed, count, end = failed_tests(program, tests)
        if failed or end or count == 0:
            print(f"{program} {tests}: {count} tests, {end} as it is, failed: {' '.join(failed)}")
            return False
    return True


def run(names):
    unknown = set(names) - {m.name for m in MUTANTS}
    if unknown:
        print(f"there is no mutant {', '.join(sorted(unknown))}; there are: {' '.join(m.name for m in MUTANTS)}")
        return 2
    chosen = [m for m in MUTANTS if not names or m.name in names]
    copy_tree()
    subprocess.run(
        ["cmake", "-S", TREE, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g1",
         "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"],
        check=True, stdout=subprocess.DEVNULL,
    )
    if not is_sound(chosen):
        return 2
    escaped = []
    begin = time.monotonic()
    for mutant in chosen:
        is_caught, how = try_one(mutant)
        print(f"{'caught' if is_caught else '------':<8}{mutant.name:<22}{how}", flush=True)
        if not is_caught:
            escaped.append(mutant.name)
    seconds = time.monotonic() - begin
    print(f"R-28 mutants={len(chosen)} caught={len(chosen) - len(escaped)} escaped={' '.join(escaped) or 0} seconds={seconds:.0f}")
    return 1 if escaped else 0


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "check":
        return check()
    if what == "run":
        return run(sys.argv[2:])
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
