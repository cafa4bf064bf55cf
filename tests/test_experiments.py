"""What all experiments have in common."""

import importlib
import sys

import pytest
from conftest import EXPERIMENTS


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_proves_its_claims_and_says_nothing_else(default_run, experiment):
    finished = default_run(experiment)
    assert finished.stderr == ""
    assert finished.returncode == 0, finished.stdout
    assert finished.stdout.startswith("Experiment: ")
    assert "   ok     " in finished.stdout
    assert finished.stdout.isascii()


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_help_says_what_an_experiment_is_about(monkeypatch, capsys, experiment):
    monkeypatch.setattr(sys, "argv", [experiment, "--help"])
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(experiment).main()
    assert stopped.value.code == 0
    assert "\nExperiment: " in capsys.readouterr().out
