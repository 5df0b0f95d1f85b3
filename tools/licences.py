#!/usr/bin/env python3
"""The licences of what is linked into the library and the program.

    tools/licences.py check      holds deny.toml: licences, banned crates, sources
    tools/licences.py notices    prints names, versions, licences and their texts

Reads `cargo metadata` of the locked dependencies and needs nothing but cargo and Python 3.11.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CRATES_IO = re.compile(r"registry\+\S+/crates\.io-index$")
TEXTS = re.compile(r"(licen[cs]e|copying|notice|unlicense|copyright)", re.IGNORECASE)


def metadata(targets):
    """All packages by id, and the resolve graph, for these targets."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--all-features"]
    for target in targets:
        command += ["--filter-platform", target]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit("cargo metadata failed")
    data = json.loads(done.stdout)
    packages = {package["id"]: package for package in data["packages"]}
    return packages, {node["id"]: node for node in data["resolve"]["nodes"]}


def linked(packages, nodes):
    """The packages that end up in the product: not what only builds or tests it."""
    todo = [package for package in packages if packages[package]["name"] == "leaderserver"]
    seen = set()
    while todo:
        package = todo.pop()
        if package in seen or is_macro(packages[package]):
            continue
        seen.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    return [packages[p] for p in seen if packages[p]["source"]]


def is_macro(package):
    return any("proc-macro" in target["kind"] for target in package["targets"])


def permitted(expression, allow):
    """Whether an SPDX expression can be met with the licences of `allow`."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either():
        result = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            result = both() or result
        return result

    def both():
        result = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            result = one() and result
        return result

    def one():
        token = tokens.pop(0)
        if token == "(":
            result = either()
            tokens.pop(0)
            return result
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token += " WITH " + tokens.pop(0)
        return token in allow

    result = either()
    if tokens:
        raise ValueError(f"not an SPDX expression: {expression!r}")
    return result


def check(packages, deny):
    """The objections to all packages, those that only build or test included."""
    allow = set(deny["licenses"]["allow"])
    exceptions = {entry["crate"]: entry["allow"] for entry in deny["licenses"]["exceptions"]}
    banned = {entry["crate"] for entry in deny["bans"]["deny"]}
    for package in packages.values():
        name = f"{package['name']} {package['version']}"
        if package["source"] and not CRATES_IO.match(package["source"]):
            yield f"{name}: comes from {package['source']}, not from crates.io"
        if package["name"] in banned:
            yield f"{name}: is banned"
        if not package["license"]:
            yield f"{name}: names no licence"
        elif not permitted(package["license"], allow.union(exceptions.get(package["name"], []))):
            yield f"{name}: {package['license']} is not among those allowed"


def notices(packages):
    """The text that goes with a binary. What several crates say in the same words comes once."""
    texts = {}
    yield "The native library and the command line program of LeaderServer contain these crates."
    yield "The texts that their licences ask for follow.\n"
    for package in packages:
        yield f"{package['name']} {package['version']}: {package['license']}"
        if package["authors"]:
            yield "    by " + ", ".join(package["authors"])
        for file in sorted(Path(package["manifest_path"]).parent.iterdir()):
            if file.is_file() and TEXTS.match(file.name):
                text = file.read_text(errors="replace").strip()
                number, _ = texts.setdefault(" ".join(text.split()), (len(texts) + 1, text))
                yield f"    {file.name}: text {number}"
    for number, text in texts.values():
        yield "\n" + "=" * 79 + f"\nText {number}\n\n{text}"


def main():
    deny = tomllib.loads((REPOSITORY / "deny.toml").read_text())
    if sys.argv[1:] == ["check"]:
        packages, _ = metadata(deny["graph"]["targets"])
        objections = sorted(check(packages, deny))
        print("\n".join(objections or [f"licences: {len(packages)} packages, none objectionable"]))
        return 1 if objections else 0
    if sys.argv[1:] == ["notices"]:
        packages = linked(*metadata(deny["graph"]["targets"]))
        print("\n".join(notices(sorted(packages, key=lambda p: (p["name"], p["version"])))))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
