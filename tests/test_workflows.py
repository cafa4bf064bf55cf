"""What runs elsewhere: it cannot run here, but it can be read."""

import re
import subprocess
import sys

from conftest import ROOT, TEXTS, pytest_report_header

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TESTS = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")


def test_the_workflows_keep_to_their_schema():
    assert [path.name for path in WORKFLOWS] == ["pages.yml", "tests.yml"]
    schema = ["--builtin-schema", "vendor.github-workflows"]
    finished = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, *WORKFLOWS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


def test_the_tests_run_the_commands_of_the_readme_on_three_systems():
    pages = TEXTS["README.md"] + TEXTS["docs/install.md"]
    commands = re.findall(r"^.*-m venv .venv && .*$", pages, re.M)
    assert len(commands) == 4
    tests = TESTS.replace("py -${{ matrix.python }}", "py -3.13")
    for command in commands:
        assert f"        run: {command}\n" in tests


def test_pytest_says_first_that_versions_are_others_than_the_pinned(
    tmp_path, monkeypatch
):
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^(tensorflow|keras)==(\S+)", pins, re.M))
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, version):
        (tmp_path / f"{name}-0.dist-info").mkdir(exist_ok=True)
        metadata = tmp_path / f"{name}-0.dist-info" / "METADATA"
        metadata.write_text(f"Name: {name}\nVersion: {version}\n")

    for name, version in pins.items():
        install(name, version)
    assert pytest_report_header() is None
    install("keras", "9.9.9")
    sentence = f"keras 9.9.9 in place of {pins['keras']}"
    assert pytest_report_header().endswith(f": {sentence}")
