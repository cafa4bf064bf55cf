"""Lesson 7: all formats side by side."""

import csv
import re

import lesson  # noqa: F401  starts TensorFlow quietly
import comparison
import models
from formats import ARRAYS, FORMATS

import numpy as np
import pytest
import tensorflow as tf
from conftest import README, ROOT

SCRIPT = "07_choose_a_format.py"


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_lesson_7_prints_what_survives_and_writes_it_as_csv(default_run):
    finished = default_run(SCRIPT)
    rows = {
        row.pop("format"): list(row.values())
        for row in read(finished.folder / "survives.csv")
    }
    hand, all_20 = "by hand", str(comparison.COPIES)
    assert rows == {
        ".weights.h5": ["yes", "no", "no", hand, hand, "no", "0"],
        "checkpoint": ["yes", "no", "no", "yes", "yes", "no", all_20],
        ".keras": ["yes", "yes", "yes", "yes", "yes", "no", all_20],
        ".h5": ["yes", "yes", "yes", hand, hand, "no", "0"],
        "SavedModel": ["yes", "yes", "no", "no", "no", "yes", all_20],
        "LiteRT": ["yes", "yes", "no", "no", "no", "yes", "0"],
        "TensorFlow.js": ["yes", "yes", "no", "no", "no", "yes", "0"],
    }
    for name, row in rows.items():
        assert re.search(
            rf"^   {re.escape(name)} +{' +'.join(row)}$", finished.stdout, re.M
        )


def test_lesson_7_measures_each_format_at_each_size(default_run):
    rows = read(default_run(SCRIPT).folder / "cost.csv")
    names = [form.name for form in [*FORMATS, ARRAYS]]
    sizes = [50_890, 500_065, 4_999_765]
    assert [(row["format"], int(row["parameters"])) for row in rows] == [
        (name, size) for name in names for size in sizes
    ]
    assert all(
        float(row[f"seconds to {what}"]) > 0
        for row in rows
        for what in ("save", "load")
    )
    largest = {row["format"]: int(row["bytes"]) / sizes[-1] / 4 for row in rows[2::3]}
    for name, weights in zip(names, [3, 3, 3, 3, 2, 1, 1, 3], strict=True):
        assert abs(largest[name] - weights) < 0.01


def test_lesson_7_draws_a_plot(default_run):
    content = (default_run(SCRIPT).folder / "cost.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 1200


def test_lesson_7_says_which_format_to_use(default_run):
    text = re.sub(r"\s+", " ", default_run(SCRIPT).stdout)
    for wish, names in (
        ("to go on training, from the file alone", ".keras"),
        ("an error when the file is damaged", "checkpoint or .keras or SavedModel"),
        ("to predict without your program", "SavedModel or LiteRT or TensorFlow.js"),
        ("the smallest file that predicts", "LiteRT or TensorFlow.js"),
        ("a small model that loads fastest", "LiteRT"),
    ):
        assert f"If you want {wish}, use {names}." in text


def test_the_readme_gives_the_advice_of_lesson_7(default_run):
    text = re.sub(r"\s+", " ", default_run(SCRIPT).stdout)
    advice = README.split("So, if you want\n\n")[1].split("\n\n")[0].splitlines()
    for line in advice[:4]:
        wish, _, named = line.removeprefix("- ").partition(":")
        names = re.search(rf"If you want {wish}, use (.+?)\.(?= If| ok)", text)[
            1
        ].split(" or ")
        known = "checkpoint|SavedModel|LiteRT|TensorFlow\\.js"
        assert sorted(re.findall(rf"(?<=`)\.[\w.]+|{known}", named)) == sorted(names)


def test_the_numbers_of_the_readmes_plot_are_of_all_formats_and_sizes():
    rows = read(ROOT / "figures" / "cost.csv")
    assert [row["format"] for row in rows[::4]] == [
        form.name for form in [*FORMATS, ARRAYS]
    ]
    for row, weights in zip(rows[3::4], [3, 3, 3, 3, 2, 1, 1, 3], strict=True):
        assert int(row["parameters"]) == 49_999_945
        assert abs(int(row["bytes"]) / int(row["parameters"]) / 4 - weights) < 0.01


@pytest.mark.filterwarnings("ignore:Skipping variable loading")  # lesson 1 shows it
@pytest.mark.parametrize("form", [*FORMATS, ARRAYS], ids=lambda form: form.name)
def test_each_format_brings_back_the_weights_of_each_build(form, build, tmp_path, few):
    model = models.compile_classifier(build())
    x, y = few[0][:64], few[1][:64]
    model.train_on_batch(x, y)
    path = tmp_path / form.file
    form.save(model, path)
    with comparison.keras.saving.custom_object_scope(comparison.CLASS):
        loaded = form.load(path, lambda: models.compile_classifier(build()))
    np.testing.assert_allclose(comparison.predict(loaded, x), model(x), atol=1e-4)


def test_a_saved_model_of_keras_has_each_weight_twice(tmp_path, build):
    model = build()
    model(np.zeros((1, 784)))
    model.export(tmp_path / "exported", verbose=False)
    stored = tf.train.list_variables(
        str(tmp_path / "exported" / "variables" / "variables")
    )
    shapes = sorted(tuple(shape) for _, shape in stored if shape)
    assert shapes == sorted([weight.shape for weight in model.get_weights()] * 2)


def test_the_changed_copies_leave_the_file_as_it_was(tmp_path):
    build = lambda: models.compile_classifier(models.sequential())  # noqa: E731
    path = tmp_path / "mnist.keras"
    build().save(path)
    before = path.read_bytes()
    noticed = comparison.count_noticed(FORMATS[2].load, path, build)
    assert noticed == comparison.COPIES
    assert path.read_bytes() == before
