"""What each format brings back."""

import csv
import re

import lesson
import models
from experiments import formats, survival

import numpy as np
import pytest
from conftest import TEXTS, table_below

SCRIPT = "experiments.survival"
FORMATS = TEXTS["docs/formats.md"]
HAND, ALL = "by hand", str(survival.COPIES)
TABLE = {
    ".weights.h5": ["yes", "no", "no", HAND, HAND, "no", "0"],
    "checkpoint": ["yes", "no", "no", "yes", "yes", "no", ALL],
    ".keras": ["yes", "yes", "yes", "yes", "yes", "no", ALL],
    "Orbax": [HAND, "yes", "yes", HAND, HAND, "no", "few"],
    ".h5": ["yes", "yes", "yes", HAND, HAND, "no", "0"],
    "SavedModel": ["yes", "yes", "no", "no", "no", "yes", ALL],
    "LiteRT": ["yes", "yes", "no", "no", "no", "yes", "0"],
    "TensorFlow.js": ["yes", "yes", "no", "no", "no", "yes", "0"],
}


def test_survival_prints_what_survives_and_writes_it_as_csv(default_run):
    finished = default_run(SCRIPT)
    path = finished.folder / "survives.csv"
    with open(path, newline="", encoding="utf-8") as file:
        heading, *rows = csv.reader(file)
    assert heading == list(survival.COLUMNS)
    assert {name: row for name, *row in rows} == TABLE
    for name, row in TABLE.items():
        line = rf"^   {re.escape(name)} +{' +'.join(row)}$"
        assert re.search(line, finished.stdout, re.M)


def test_the_table_of_what_survives_is_what_the_experiment_finds(default_run):
    folder = default_run(SCRIPT).folder
    with open(folder / "survives.csv", newline="", encoding="utf-8") as file:
        found = list(csv.reader(file))[1:]
    assert table_below(FORMATS, "What survives") == found


def test_the_page_on_formats_gives_the_advice_of_the_experiment(default_run):
    text = " ".join(default_run(SCRIPT).stdout.split())
    advice = FORMATS.split("If you want\n\n")[1].split("\n\n")[0].splitlines()
    for line in advice[:4]:
        wish, _, named = line.removeprefix("- ").partition(":")
        (use,) = re.findall(rf"If you want {wish}, use (.+?)\.(?= ok|$)", text)
        known = r"checkpoint|Orbax|SavedModel|LiteRT|TensorFlow\.js"
        names = re.findall(rf"(?<=`)\.[\w.]+|{known}", named)
        assert sorted(names) == sorted(use.split(" or "))


def test_survival_says_which_format_to_use(default_run):
    text = re.sub(r"\s+", " ", default_run(SCRIPT).stdout)
    for wish, names in (
        ("to continue training, from the file alone", ".keras"),
        (
            "to continue training, and your program builds the model",
            ".weights.h5 or checkpoint or .keras or Orbax or .h5",
        ),
        (
            "an error when the weights in the file are damaged",
            "checkpoint or .keras or SavedModel",
        ),
        ("to predict without your program", "SavedModel or LiteRT or TensorFlow.js"),
    ):
        assert f"ok If you want {wish}, use {names}." in text


def test_advice_that_the_table_does_not_give_stops_the_experiment(capsys):
    survival.advise("a file", [".keras"], [".keras"])
    with pytest.raises(SystemExit) as stopped:
        survival.advise("a file", [".keras", ".h5"], [".keras"])
    assert stopped.value.code == 1
    assert "FAIL   If you want a file, use .keras or .h5." in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Skipping variable loading")  # lesson 1 shows it
@pytest.mark.parametrize(
    "form", [*formats.FORMATS, formats.ARRAYS], ids=lambda form: form.name
)
def test_each_format_brings_back_the_weights_of_each_build(form, build, tmp_path, few):
    model = models.compile(build())
    x, y = few[0][:64], few[1][:64]
    model.train_on_batch(x, y)
    path = tmp_path / form.file
    form.save(model, path)

    def build_compiled():
        return models.compile(build())

    for load in form.load, form.load_by_hand:
        loaded = formats.load_as_a_program(load, path, build_compiled)
        np.testing.assert_allclose(formats.predict(loaded, x), model(x), atol=1e-4)


@pytest.mark.parametrize(
    "form", [formats.CHECKPOINT, formats.H5], ids=lambda form: form.name
)
def test_each_build_resumes_from_a_checkpoint_and_from_an_h5_file(
    form, build, tmp_path, few
):
    def build_compiled():
        return models.compile(build(), steps_per_execution=1)

    x, y = few[0][:640], few[1][:640]
    training = survival.train(build_compiled, x, y)
    path = tmp_path / form.file
    form.save(training.saved, path)
    parts = survival.brought_back(form.load_by_hand, path, build_compiled, training)
    assert parts["optimizer"]
    assert parts["resumes"]


def test_other_weights_are_not_taken_for_those_that_were_saved(tmp_path, few):
    training = survival.train(models.build_and_compile, few[0][:64], few[1][:64])
    path = tmp_path / "model.keras"
    other = models.build_and_compile()
    other.train_on_batch(few[0][:64], few[1][:64])
    other.save(path)
    parts = survival.brought_back(
        formats.load_model, path, models.build_and_compile, training
    )
    assert parts == {
        "weights": False,
        "architecture": True,
        "compile": True,
        "optimizer": False,
        "resumes": False,
    }


def test_no_byte_of_a_keras_file_can_be_changed_unnoticed(tmp_path, few):
    path = tmp_path / "model.keras"
    model = models.build_and_compile()
    model.train_on_batch(few[0][:64], few[1][:64])
    model.save(path)
    before = path.read_bytes()
    noticed = survival.count_noticed(
        formats.KERAS, path, models.build_and_compile, few[0][:1]
    )
    assert noticed == survival.COPIES
    assert path.read_bytes() == before


def test_a_class_that_is_not_known_keeps_keras_files_from_loading(tmp_path):
    model = models.subclassed()
    x = np.zeros((1, 784), "float32")
    logits = model(x)
    path = tmp_path / "model.keras"
    model.save(path)
    assert not survival.loads_without_class(formats.KERAS, path, x, logits)
    # And the class is known again.
    loaded = formats.load_model(path, None)
    assert lesson.largest_difference(loaded.get_weights(), model.get_weights()) == 0
