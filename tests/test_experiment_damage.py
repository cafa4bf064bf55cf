"""Damaged copies of files: what loading notices."""

import functools
import re
import sys
import zipfile

import lesson  # noqa: F401  starts TensorFlow quietly
import models
from experiments import damage, formats

import keras
import numpy as np
import pytest

SCRIPT = "experiments.damage"


def rows(finished):
    """Return for each model and format: noticed, loaded wrong, unharmed, cut noticed."""
    found = re.findall(
        r"^   (classifier|CNN) +(.+?) +(\d+) +(\d+) +(\d+) +(\d+)$",
        finished.stdout,
        re.M,
    )
    return {(model, name): [int(n) for n in counts] for model, name, *counts in found}


def test_damage_is_noticed_where_there_is_a_checksum_and_it_is_asked(default_run):
    table = rows(default_run(SCRIPT))
    assert len(table) == 10
    for model, name in (
        ("classifier", ".keras with testzip"),
        ("classifier", "checkpoint"),
        ("classifier", "SavedModel's variables"),
        ("classifier", ".weights.h5 with sha256"),
        ("CNN", ".keras with testzip"),
    ):
        assert table[model, name] == [40, 0, 0, 40]


def test_damage_is_not_noticed_in_h5_files(default_run):
    table = rows(default_run(SCRIPT))
    for name in (".h5", ".weights.h5"):
        noticed, wrong, unharmed, cut = table["classifier", name]
        assert noticed < 5
        assert wrong > 20
        assert noticed + wrong + unharmed == 40
        assert cut == 40


def test_keras_files_are_compared_with_their_checksums_by_python_3_11_only(default_run):
    noticed, wrong, *_ = rows(default_run(SCRIPT))["CNN", ".keras"]
    if sys.version_info < (3, 12):
        assert (noticed, wrong) == (40, 0)
    else:
        assert wrong > 20


def test_saved_model_pb_has_no_checksum(default_run):
    noticed, wrong, unharmed, cut = rows(default_run(SCRIPT))[
        "classifier", "SavedModel's saved_model.pb"
    ]
    assert noticed + wrong + unharmed == 40
    assert unharmed > 0
    assert cut == 40


@pytest.mark.parametrize("damaged", [damage.changed_copies, damage.cut_copies])
def test_damaged_copies_leave_the_file_as_it_was(tmp_path, damaged):
    path = tmp_path / "model.keras"
    models.sequential().save(path)
    before = path.read_bytes()
    load = functools.partial(formats.load_checked_model, path, None)
    x = np.zeros((1, 784), "float32")
    assert damage.count(path, damaged(before, 5), load, x) == {"noticed": 5}
    assert path.read_bytes() == before


def test_each_changed_copy_has_one_other_byte():
    content = bytes(range(100))
    copies = damage.changed_copies(content)
    assert len({bytes(copy) for copy in copies}) == 40
    for copy in copies:
        assert sum(a != b for a, b in zip(copy, content, strict=True)) == 1


def test_testzip_says_which_part_of_a_keras_file_is_damaged(tmp_path):
    path = tmp_path / "model.keras"
    damage.build_cnn().save(path)
    formats.check_zip(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(zipfile.BadZipFile, match=r"model\.weights\.h5 in model\.keras"):
        formats.load_checked_model(path, None)


def test_a_file_that_is_no_zip_is_an_error_of_testzip(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"garbage")
    with pytest.raises(zipfile.BadZipFile):
        formats.check_zip(path)


def test_a_model_of_wrong_weights_counts_as_wrong(tmp_path):
    path = tmp_path / "model.weights.h5"
    model = models.sequential()
    model.save_weights(path)
    other = tmp_path / "other.weights.h5"
    models.sequential().save_weights(other)
    load = functools.partial(
        formats.load_weights, path, functools.partial(keras.models.clone_model, model)
    )
    copies = [other.read_bytes(), path.read_bytes(), b"garbage"]
    x = np.zeros((1, 784), "float32")
    counts = damage.count(path, copies, load, x)
    assert counts == {"wrong": 1, "unharmed": 1, "noticed": 1}
