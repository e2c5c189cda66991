"""The bill of materials: every package of the lock with its version, licence and hashes, in CycloneDX's JSON. python -m tests.bill FILE

Run where they are installed. Raises ValueError for a package of another version, or whose licence is not compatible with Apache-2.0.
"""

import json
import re
import sys
import uuid
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from attnlab.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
# May be used together with, and beside, Apache-2.0. MPL-2.0 and LGPL concern their own files, which are installed as they are.
COMPATIBLE = {
    *("MIT", "MIT-0", "MIT-CMU", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "ISC", "PSF-2.0", "Python-2.0", "Zlib", "Unlicense"),
    *("MPL-2.0", "HPND", "CNRI-Python", "BSL-1.0", "OFL-1.1", "CC0-1.0", "Apache-2.0 WITH LLVM-exception"),
}
# What packages wrote before there were expressions.
SPELLINGS = {
    r"apache( software)?( licen[sc]e)?,?( version)? ?2(\.0)?( licen[sc]e)?|apache( software licen[sc]e)?": "Apache-2.0",
    r"(the )?mit( licen[sc]e)?": "MIT",
    r"(3-clause |new |modified )?bsd( licen[sc]e)?|bsd[- ]3([- ]clause)?( licen[sc]e)?": "BSD-3-Clause",
    r"(simplified|2-clause) bsd( licen[sc]e)?|bsd[- ]2([- ]clause)?( licen[sc]e)?": "BSD-2-Clause",
    r"(python software foundation licen[sc]e|psf)": "PSF-2.0",
    r"mozilla public license 2\.0.*|mpl ?2(\.0)?": "MPL-2.0",
    r"isc licen[sc]e.*": "ISC",
}


def locked() -> dict[str, tuple[str, list[str]]]:
    """Name -> version and SHA-256 of every file of it, from the lock."""
    found: dict[str, tuple[str, list[str]]] = {}
    for line in LOCK.read_text("utf-8").splitlines():
        if named := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            found[named[1]] = (named[2], [])
        elif digest := re.match(r" +--hash=sha256:([0-9a-f]{64})", line):
            next(reversed(found.values()))[1].append(digest[1])
    return found


def licence_of(package: Distribution) -> str:
    """The licence as an SPDX expression, as far as the package tells one; else its own words."""
    about = package.metadata
    if expression := about.get("License-Expression"):
        return str(expression)
    told = [entry.rpartition(" :: ")[2] for entry in about.get_all("Classifier", []) if entry.startswith("License :: OSI Approved :: ")]
    told = told or [str(about.get("License", "")).strip().partition("\n")[0]]
    return " AND ".join(dict.fromkeys(in_spdx(each) for each in told))


def in_spdx(words: str) -> str:
    words = re.sub(r"\(.*\)", "", words).strip()
    return next((name for spelling, name in SPELLINGS.items() if re.fullmatch(spelling, words.lower())), words)


def is_compatible(expression: str) -> bool:
    """Whether every licence of an expression may be used here, and one of several that may be chosen."""
    either = [part.strip(" ()") for part in re.split(r"\bOR\b", expression)]
    return any(all(one.strip(" ()") in COMPATIBLE for one in re.split(r"\bAND\b", part)) for part in either)


def component(name: str, version: str, hashes: list[str]) -> dict[str, Any]:
    """One package. Raises ValueError for one that is not as locked, or that may not be used."""
    package = distribution(name)
    if package.version.partition("+")[0] != version.partition("+")[0]:
        raise ValueError(f"{name} is locked at {version} and {package.version} is installed")
    licence = licence_of(package)
    if not is_compatible(licence):
        raise ValueError(f"{name}: {licence or 'no licence'} is not known to be compatible")
    purl, properties = f"pkg:pypi/{name}@{version.replace('+', '%2B')}", [{"name": "attnlab:sha256", "value": each} for each in hashes]
    about = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return about | {"licenses": [{"expression": licence}], "properties": properties}


def is_installed(name: str) -> bool:
    """Whether a package is here; the lock has some that only other versions of Python need."""
    try:
        return bool(distribution(name).version)
    except PackageNotFoundError:
        return False


def bill(packages: dict[str, tuple[str, list[str]]]) -> dict[str, Any]:
    """The same packages give the same bytes: its number is made from them, and it has no date."""
    components = [component(name, *rest) for name, rest in sorted(packages.items())]
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components))
    itself = {"type": "application", "bom-ref": "attnlab", "name": "attnlab", "version": VERSION}
    whole = {"component": itself | {"licenses": [{"license": {"id": "Apache-2.0"}}]}}
    needs = [{"ref": "attnlab", "dependsOn": [each["purl"] for each in components]}]
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{number}", "version": 1}
    return head | {"metadata": whole, "components": components, "dependencies": needs}


def main(file: str) -> None:
    made = bill({name: rest for name, rest in locked().items() if is_installed(name)})
    Path(file).write_text(json.dumps(made, indent=1) + "\n", "utf-8")
    for each in made["components"]:
        print(f"{each['name']} {each['version']}: {each['licenses'][0]['expression']}")  # noqa: T201 - a command


if __name__ == "__main__":
    main(*sys.argv[1:])
