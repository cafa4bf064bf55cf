"""What README.md and docs/ say that can be executed is executed."""

import importlib.metadata
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import models

import fork_server
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import LESSONS, README, ROOT, TEXTS, TWINS, code, need, table_below

THEN_AND_NOW = table_below(TEXTS["docs/errors.md"], "Then and now")
# All blocks of Python, each tested below.
PYTHON = re.compile(r"```python\n(.*?)```", re.S)
FIRST, SCRIPT = PYTHON.findall(README)
CHECK, *_ = PYTHON.findall(TEXTS["docs/your-own-model.md"])


@pytest.fixture
def names(tmp_path, monkeypatch, few):
    """What the code in the table may use, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    model = models.compile(models.sequential())
    x, y = few[0][:320], few[1][:320]
    model.fit(x, y, verbose=0)
    # What the calls that load find: the files that the same page says to write.
    model.save("my_model.keras")
    model.save_weights("my.weights.h5")
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
    printed = (ROOT / "output" / "video_claims.txt").read_text(encoding="utf-8")
    assert printed.splitlines()[1] == "TensorFlow 2.3.0"
    rows = table_below(
        TEXTS["docs/measurements.md"], "What the video says, tried in 2020 and today"
    )
    assert len(rows) == 5
    for _, then, _, lessons in rows:
        assert code(then)
        assert all(words in printed for words in code(then))
        for number in lessons.split(", "):
            assert list(ROOT.glob(f"{int(number):02}_*.py"))


def test_no_other_page_has_python_that_nobody_executes():
    # The last one: test_docs_model_files.py.
    tested = {"README.md", "docs/your-own-model.md", "docs/model-files.md"}
    assert {name for name in TWINS if PYTHON.search(TEXTS[name])} == tested


def test_the_first_lines_save_and_load_and_nothing_warns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        exec(FIRST, names)
    assert len(FIRST.splitlines()) == 7  # one of them empty
    loaded_model = names["loaded_model"]
    x = np.ones((32, 784), "float32")
    assert (names["model"].predict(x) == loaded_model.predict(x)).all()
    assert loaded_model.optimizer.iterations == 10
    loaded_model.fit(x, np.zeros((32, 10)), verbose=0)


def test_the_calls_that_the_first_table_names_can_be_typed(names):
    table = README.split("| I want to |")[1].split("\n## ")[0]
    calls = [call for call in code(table) if "(" in call]
    assert len(calls) == 3
    for call in calls:
        exec(call, names)
    assert {"my.weights.h5", "my_model"} <= set(os.listdir())


def test_the_script_for_your_own_model_continues_where_it_stopped(folder):
    assert len(SCRIPT.splitlines()) <= 25
    script = folder.path / "my_script.py"
    script.write_text(SCRIPT.replace("epochs=2", "epochs=2, verbose=2"))
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


# Models that are not ours: outputs near 1e5, of 1e-5, and with three digits.


def prices():
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(1)]
    return keras.Sequential(
        [keras.Input((784,)), *layers, keras.layers.Rescaling(1e5, offset=1e5)]
    )


def words():
    return keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(30_000, "softmax")]
    )


def half_precision():
    layers = [keras.layers.Dense(64, "gelu", dtype="mixed_float16") for _ in range(4)]
    return keras.Sequential([keras.Input((784,)), *layers])


@pytest.mark.parametrize("build_other", [prices, words, half_precision])
def test_the_check_fits_the_size_of_the_outputs(build_other, names):
    names["np"] = np
    names["model"] = model = build_other()
    model.save("my_model.keras")
    exec(CHECK, names)
    compare = CHECK[CHECK.index("loaded_model") :]
    if build_other is not half_precision:  # it may round in any way
        np.save("expected.npy", model.predict(names["x"][:10], batch_size=1))
        exec(compare, names)
    build_other().save("my_model.keras")  # with other random weights
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        exec(compare, names)


# Without a network, and each with the beginning of what it says.
PATHS = {
    "model.save('gs://bucket/m.keras')": "FailedPreconditionError: Error executing",
    "keras.models.load_model('gs://bucket/m.keras')": "FailedPreconditionError: Error",
    "model.save_weights('gs://bucket/m.weights.h5')": "FailedPreconditionError: Error",
    "model.export('gs://bucket/m', verbose=False)": "FailedPreconditionError: Error",
    "model.save('gs://bucket/m.h5')": "nothing",
    "model.save('s3://bucket/m.keras')": "UnimplementedError: File system scheme 's3'",
    "keras.models.load_model('hf://user/model')": "ImportError: To load models from",
    "model.save('hf://user/model')": "ImportError: To save models to the Hugging Face",
    "keras.models.load_model('kaggle://user/model/keras/name')": "UnimplementedError: "
    "File system scheme 'kaggle' not implemented",
}


def test_paths_into_a_cloud_do_what_the_page_says(tmp_path):
    need(fork_server.OFFLINE, "the network cannot be taken away here")
    program = f"""
import keras
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
for call in {[*PATHS]!r}:
    try:
        exec(call)
        print("nothing")
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[0], sep=": ")
"""
    finished = subprocess.run(
        [*fork_server.OFFLINE, sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "NO_GCE_CHECK": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    said = finished.stdout.splitlines()
    for line, beginning in zip(said, PATHS.values(), strict=True):
        assert line.startswith(beginning)
    assert (tmp_path / "gs:" / "bucket" / "m.h5").is_file()
    table = table_below(TEXTS["docs/cluster.md"], "Cloud storage and model hubs")
    messages = [text for row in table for text in code(row[1]) if "Error: " in text]
    assert len(messages) == 4
    for message in messages:
        assert any(line.startswith(message) for line in said), message


def test_the_table_of_lessons_names_every_lesson():
    assert re.findall(r"^\| \d+ \| \[(.+?)\]", README, re.M) == LESSONS


def test_each_command_installs_a_file_that_is_there_and_runs_one_that_is_there():
    commands = re.findall(r"^(?:python3|cmd) .+$", README, re.M)
    assert len(commands) == 3
    for command in commands:
        for name in re.findall(r"[\w/]+\.(?:txt|py)\b", command):
            assert (ROOT / name).is_file()
    assert "pip install -r requirements.txt" in commands[0]
    assert commands[0].endswith("01_save_load_weights.py")
    assert commands[2].endswith("-m pytest")


def test_a_readme_is_one_page_and_a_page_is_no_book():
    for name, text in TEXTS.items():
        if Path(name).name == "errors.md":  # tables, which are searched
            continue
        limit = 150 if name.startswith("README") else 250
        assert len(text.splitlines()) <= limit, name


def places(name):
    """Return the names that links have for the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", TEXTS[name], re.M)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_to_a_file_or_a_heading(name):
    for link in re.findall(r"\]\((?!http)(.+?)\)", TEXTS[name]):
        file, _, place = link.partition("#")
        target = (ROOT / name).parent / file if file else ROOT / name
        assert target.exists(), link
        if place:
            page = target.resolve().relative_to(ROOT.resolve()).as_posix()
            assert place in places(page), link


def test_each_page_says_first_whom_it_is_for_and_leads_back_to_the_readme():
    for name in [*TWINS, "CONTRIBUTING.md"]:
        if name != "README.md":
            first = TEXTS[name].split("\n\n")[1]
            assert first.startswith("For anyone who")
            assert re.search(r"\[README\]\((../)?README.md\)$", first)
            assert f"]({name})" in README


def test_the_versions_that_run_are_the_versions_that_are_pinned():
    pinned = (ROOT / "requirements.txt").read_text()
    assert f"tensorflow=={tf.__version__}\n" in pinned
    assert f"keras=={keras.__version__}\n" in pinned


def test_the_python_versions_are_those_that_the_pinned_packages_take():
    page = TEXTS["docs/install.md"]
    first, *_, last = re.search(r"^Python ([\d., or]+), 64 bit", page, re.M)[1].split()
    assert (
        importlib.metadata.metadata("keras")["Requires-Python"]
        == f">={first.rstrip(',')}"
    )
    classifiers = importlib.metadata.metadata("tensorflow").get_all("Classifier")
    versions = [
        line.rpartition(" :: ")[2] for line in classifiers if "Python :: 3." in line
    ]
    assert versions[-1] == last
