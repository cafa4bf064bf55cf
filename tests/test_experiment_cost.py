"""What each format costs: size, time to save, time to load."""

import csv
import itertools
import sys
from collections import namedtuple

import lesson  # noqa: F401  starts TensorFlow quietly
from experiments import cost

import pytest
from conftest import ROOT

SCRIPT = "experiments.cost"
NAMES = [form.name for form in cost.ALL]
SIZES = [50_890, 500_065, 4_999_765, 49_999_945]
# Size of the largest model, in weights: Adam keeps two numbers for each. Orbax packs them.
RATIOS = {name: 3 for name in NAMES} | {
    "Orbax": 2.6,
    "SavedModel": 2,
    "LiteRT": 1,
    "TensorFlow.js": 1,
}


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_complete(rows, sizes):
    """Assert that all formats are there at all sizes, the other model, and the ratios."""
    models = [(2, sizes[0]), (cost.LAYERS, 49_900), *[(2, size) for size in sizes[1:]]]
    found = [(int(row["layers"]), int(row["parameters"])) for row in rows]
    assert found == [model for model in models for _ in NAMES]
    assert [row["format"] for row in rows] == NAMES * len(models)
    for row in rows[-len(NAMES) :]:
        bound = 0.3 if row["format"] == "Orbax" else 0.01
        ratio = int(row["bytes"]) / sizes[-1] / 4
        assert abs(ratio - RATIOS[row["format"]]) < bound
    for row in rows:
        assert float(row["seconds to save"]) > 0
        assert float(row["seconds to load"]) > 0


def test_cost_measures_each_format_at_each_size(default_run):
    assert_complete(read(default_run(SCRIPT).folder / "cost.csv"), SIZES[:3])


def test_the_numbers_of_the_readmes_plot_are_of_all_formats_and_sizes():
    assert_complete(read(ROOT / "figures" / "cost.csv"), SIZES)


def test_cost_draws_a_plot(default_run):
    content = (default_run(SCRIPT).folder / "cost.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 1200


def test_cost_leaves_none_of_the_large_files_behind(default_run):
    files = [path.name for path in default_run(SCRIPT).folder.iterdir()]
    assert sorted(files) == ["cost.csv", "cost.png"]


def test_large_on_a_full_disk_gets_one_sentence(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda _: usage(9e9, 8e9, 1e9))
    monkeypatch.setattr(cost.report, "folder", lambda _: tmp_path)
    monkeypatch.setattr(sys, "argv", ["cost", "--large"])
    with pytest.raises(SystemExit, match=r"--large needs 2 GB of free disk space in"):
        cost.main()


@pytest.mark.parametrize(
    "heights",
    [[0.1, 0.5, 0.9], [0.5, 0.5, 0.5], [0.1, 0.5, 0.51, 0.52], [0, 0.039, 0.078]],
)
def test_labels_of_the_plot_stand_near_their_lines_and_apart(heights):
    places = cost.spread(heights)
    for below, above in itertools.pairwise(places):
        assert above - below >= 0.04 - 1e-9
    for height, place in zip(heights, places, strict=True):
        assert abs(height - place) <= 0.04 * (len(heights) - 1) / 2 + 1e-9
