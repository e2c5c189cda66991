"""What is installed with attnlab: named in the lock, under licences that may be used beside its own, and listed in CycloneDX."""

import json
import re
from importlib.metadata import distribution

import pytest

from tests import bill

HERE = [name for name in bill.locked() if bill.is_installed(name)]


def test_the_lock_names_every_package_that_is_asked_for_with_the_hash_of_every_file():
    locked = bill.locked()
    asked = dict(line.split("==") for line in (bill.ROOT / "requirements.txt").read_text().split())
    assert {name: locked[name][0].partition("+")[0] for name in asked} == asked
    assert all(hashes for _, hashes in locked.values())
    assert len(HERE) > 50


@pytest.mark.parametrize("name", HERE)
def test_every_licence_may_be_used_beside_apache(name):
    assert bill.is_compatible(bill.licence_of(distribution(name))), bill.licence_of(distribution(name))


def test_the_bill_says_name_version_licence_and_hashes_and_is_the_same_each_time():
    packages = {name: (distribution(name).version, bill.locked()[name][1]) for name in HERE}
    made = bill.bill(packages)
    assert json.dumps(made) == json.dumps(bill.bill(packages))
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", made["serialNumber"])
    streamlit = next(each for each in made["components"] if each["name"] == "streamlit")
    assert streamlit["licenses"] == [{"expression": "Apache-2.0"}]
    assert streamlit["purl"] == f"pkg:pypi/streamlit@{streamlit['version']}"
    assert all(len(each["value"]) == 64 for each in streamlit["properties"])
    assert {each["ref"] for each in made["dependencies"]} == {"attnlab"}


def test_another_version_than_the_locked_one_is_not_listed():
    with pytest.raises(ValueError, match=r"is locked at 0 and"):
        bill.component("numpy", "0", [])


def test_a_licence_that_is_not_known_to_be_compatible_is_not_listed(monkeypatch):
    monkeypatch.setattr(bill, "licence_of", lambda package: "GPL-3.0-only")
    with pytest.raises(ValueError, match="is not known to be compatible"):
        bill.component("numpy", distribution("numpy").version, [])


@pytest.mark.parametrize(
    ("expression", "may"),
    [("MIT", True), ("MIT OR GPL-3.0-only", True), ("MIT AND GPL-3.0-only", False), ("(Apache-2.0) AND (BSD-3-Clause)", True), ("", False)],
)
def test_one_of_several_may_be_chosen_and_all_of_several_hold(expression, may):
    assert bill.is_compatible(expression) == may
