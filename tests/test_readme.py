"""What the README says that can be executed is executed."""

import importlib.metadata
import os
import re
import subprocess
import sys

import models

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import LESSONS, PAGES, README, ROOT, code, table_below

THEN_AND_NOW = table_below(README, "Then and now")


@pytest.fixture
def names(tmp_path, monkeypatch, few):
    """What the code in the table may use, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    model = models.compile_classifier(models.sequential())
    x, y = few[0][:320], few[1][:320]
    model.fit(x, y, verbose=0)
    # What the calls that load find: the files that the same page says to write.
    model.save("mnist.keras")
    model.save_weights("mnist.weights.h5")
    model.export("exported", verbose=False)
    model.save("model.h5")
    return {"keras": keras, "tf": tf, "model": model, "x": x, "y": y}


@pytest.mark.parametrize("then, today, instead", THEN_AND_NOW)
def test_a_call_of_the_video_does_today_what_the_table_says(
    then, today, instead, names
):
    (call,) = code(then)
    if "works" in today:
        exec(call, names)
    else:
        (message,) = code(today)
        with pytest.raises((ValueError, TypeError)) as raised:
            exec(call, names)
        assert f"{raised.type.__name__}: {raised.value}".startswith(message)


@pytest.mark.parametrize("then, today, instead", THEN_AND_NOW)
def test_what_the_table_says_to_type_instead_works(then, today, instead, names):
    calls = code(instead)
    assert calls
    for call in calls:
        if "(" in call:
            exec(call, names)


def test_each_call_of_the_video_worked_on_keras_2(tmp_path):
    calls = [code(then)[0] for then, _, _ in THEN_AND_NOW]
    program = f"""
import numpy as np
import tensorflow as tf

keras = tf.keras
assert keras.Model.__module__.startswith("tf_keras")
x, y = np.zeros((64, 784), "float32"), np.zeros(64)
model = keras.Sequential(
    [keras.layers.Dense(64, activation="relu", input_shape=(784,)), keras.layers.Dense(10)]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(loss=loss, optimizer=keras.optimizers.Adam(), metrics=["accuracy"])
model.fit(x, y)
for call in {calls!r}:
    exec(call)
    print("worked:", call)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    for call in calls:
        assert f"worked: {call}\n" in finished.stdout


def test_what_tensorflow_of_2020_did_is_what_the_experiment_printed_there():
    printed = (ROOT / "output" / "then.txt").read_text(encoding="utf-8")
    assert printed.splitlines()[1] == "TensorFlow 2.3.0"
    rows = table_below(README, "What the video says, tried in 2020 and today")
    assert len(rows) == 5
    for _, then, _, lessons in rows:
        assert code(then)
        assert all(words in printed for words in code(then))
        for number in lessons.split(", "):
            assert list(ROOT.glob(f"{int(number):02}_*.py"))


def test_the_script_for_a_model_of_ones_own_goes_on_where_it_stopped(folder):
    program = re.findall(r"```python\n(.*?)```", README, re.S)[0]
    assert len(program.splitlines()) <= 25
    script = folder.path / "my_script.py"
    script.write_text(program.replace("epochs=2", "epochs=2, verbose=2"))
    # A twentieth of the data is enough here.
    data_file = folder.file_of_its_own("datasets/mnist.npz")
    with np.load(data_file) as arrays:
        few = {name: arrays[name][:3200] for name in ("x_train", "y_train")}
    np.savez(data_file, **few)
    for epochs in (1, 2):
        with open(folder.path / "messages.txt", "w") as messages:
            finished = subprocess.run(
                [sys.executable, script],
                cwd=folder.path,
                env=folder.environment(),
                stdout=subprocess.PIPE,
                stderr=messages,
                encoding="utf-8",
                check=True,
            )
        # The start-up lines, and nothing else, are in the file, as the page says.
        assert finished.stdout.startswith("Epoch 1/2\n")
        model = keras.models.load_model(folder.path / "my_model.keras")
        assert model.optimizer.iterations.numpy() == epochs * 2 * 100


def test_the_check_for_whoever_does_not_trust_notices_other_predictions(names):
    program = re.findall(r"```python\n(.*?)```", README, re.S)[1]
    names["np"] = np
    names["model"].save("my_model.keras")
    exec(program, names)
    models.sequential().save("my_model.keras")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        exec(program, names)


def test_own_training_is_shown_as_it_is():
    shown = re.findall(r"```python\n(.*?)```", README, re.S)[2]
    assert shown == (ROOT / "programs/own_training.py").read_text(encoding="utf-8")


# Each row of the table "When is a resumed training equal to the last bit", and the tests
# of checkpoint.py that try it.
RESUMED = {
    "weights, optimizer": ["the_file_opens_with_keras_alone", "with_all_parts_nothing"],
    "random numbers of Dropout": ["without_one_part_the_result_is_another"],
    "order of the data": ["a_batch_depends_on_the_seed_and_its_number_alone"],
    "what EarlyStopping": ["without_one_part", "model_checkpoint_keeps_the_best_only"],
    "what a callback of your own": [
        "a_callback_of_ones_own_gets_its_state_back",
        "a_callback_without_get_state_begins_anew",
    ],
    "history, number of epochs": ["a_training_that_was_stopped_early_stays_stopped"],
    "random numbers without": ["it_cannot_keep_what_its_first_lines_say"],
}


def test_each_row_on_resumed_trainings_has_its_tests():
    rows = (
        README.split("| in `checkpoint.py`? |\n")[1].split("\n\n")[0].splitlines()[1:]
    )
    tests = (ROOT / "tests" / "test_checkpoint.py").read_text(encoding="utf-8")
    for row, (beginning, names) in zip(rows, RESUMED.items(), strict=True):
        assert row.startswith(f"| {beginning}")
        for name in names:
            assert f"\ndef test_{name}" in tests


def test_the_table_of_lessons_names_every_lesson():
    assert re.findall(r"^\| \d+ \| \[(.+?)\]", README, re.M) == LESSONS


def test_each_command_installs_a_file_that_is_there_and_runs_one_that_is_there():
    commands = re.findall(r"^(?:python3|cmd) .+$", README, re.M)
    assert len(commands) == 4
    for command in commands:
        for name in re.findall(r"[\w/]+\.(?:txt|py)\b", command):
            assert (ROOT / name).is_file()
    assert "pip install -r requirements.txt" in commands[0]
    assert commands[0].endswith("01_save_load_weights.py")
    assert commands[1].endswith("-m pytest")


@pytest.mark.parametrize("page", PAGES, ids=["English", "Chinese"])
def test_every_link_leads_to_a_file_or_a_heading(page):
    headings = re.findall(r"^## (.+)$", page, re.M)
    anchors = {"#" + heading.lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\((?!http)(.+?)\)", page):
        assert (
            target in anchors if target.startswith("#") else (ROOT / target).exists()
        ), target


def test_every_package_that_is_imported_is_listed():
    listed = re.findall(r"^[\w-]+", (ROOT / "requirements.txt").read_text(), re.M)
    imported = set()
    packages = "", "programs/", "experiments/", "modelfile/"
    for path in [path for name in packages for path in ROOT.glob(f"{name}*.py")]:
        text = path.read_text(encoding="utf-8")
        imported |= set(re.findall(r"^ *(?:import|from) (\w+)", text, re.M))
    own = {path.stem for path in ROOT.glob("*.py")} | {
        "programs",
        "experiments",
        "modelfile",
    }
    imported = {name.replace("google", "protobuf") for name in imported}
    packages = {
        name.replace("ai_edge_litert", "ai-edge-litert")
        for name in imported - own - sys.stdlib_module_names
    }
    # Lesson 16 does without those of requirements-other.txt, if need be.
    text = (ROOT / "requirements-other.txt").read_text()
    others = re.findall(r"^[\w-]+", text, re.M)
    assert sorted(packages - set(others)) == sorted(listed)


def test_the_versions_that_run_are_the_versions_that_are_pinned():
    pinned = (ROOT / "requirements.txt").read_text()
    assert f"tensorflow=={tf.__version__}\n" in pinned
    assert f"keras=={keras.__version__}\n" in pinned


def test_the_python_versions_are_those_that_the_pinned_packages_take():
    first, *_, last = re.search(r"\*\*Python\*\* ([\d., or]+), 64 bit", README)[
        1
    ].split()
    assert (
        importlib.metadata.metadata("keras")["Requires-Python"]
        == f">={first.rstrip(',')}"
    )
    classifiers = importlib.metadata.metadata("tensorflow").get_all("Classifier")
    versions = [
        line.rpartition(" :: ")[2] for line in classifiers if "Python :: 3." in line
    ]
    assert versions[-1] == last
