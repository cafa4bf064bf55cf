"""modelfile.keras2 on files of Keras 2.2 to 2.15 that this project did not make itself."""

import shlex
from pathlib import Path

import lesson  # noqa: F401  starts TensorFlow quietly
from modelfile import __main__ as command_line
from modelfile import convert, keras2, kinds

import keras
import numpy as np
import pytest
import tf_keras

OLD = Path(__file__).resolve().parent / "old_files"
STEPS = {
    "k224_rnn.h5": 0,  # this version did not count the steps of RMSprop
    "k224_seq.h5": 12,
    "k231_fun.h5": 12,
    "smd_dw": None,  # it was not compiled
    "t215_cnn.h5": 2,
    "t215_cnn.keras": 2,
    "t215_ops.h5": 4,
    "t215_rnn.h5": 4,
    "t215_transfer.h5": 1,
    "tf115_seq.h5": 12,
    "tf21_cnn.h5": 6,
    "tf21_seq.h5": 12,
}


def test_each_old_file_is_among_those_that_are_tried():
    others = {".json", ".npz", ".md"}
    assert sorted(STEPS) == sorted(
        path.name for path in OLD.iterdir() if path.suffix not in others
    )


@pytest.mark.parametrize("name", STEPS)
def test_what_is_said_to_type_gives_what_the_old_version_had(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(OLD)
    proven = {}
    convert_and_prove = keras2.convert_and_prove

    def once(path, *args, **options):
        # The lines and the command convert the same file: one proof is enough.
        if Path(path) not in proven:
            proven[Path(path)] = convert_and_prove(path, *args, **options)
        return proven[Path(path)]

    monkeypatch.setattr(keras2, "convert_and_prove", once)
    lines = kinds.describe(name).code
    names = {}
    exec("\n".join(lines), names)
    assert len(names["predictions"])
    # "... this command again, with --convert NEW.keras"
    _, found, arguments = lines[-1].partition("this command again, with ")
    assert found, lines[-1]
    command = ["modelfile", name, *shlex.split(arguments)]
    command[-1] = str(tmp_path / command[-1])
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 0
    sentences = proven[Path(name)][1]
    assert sentences[0].startswith("Both predict the same for 6 inputs")
    model = keras.models.load_model(tmp_path / "NEW.keras")
    if STEPS[name] is not None:
        assert sentences[1].startswith("Both train three batches the same")
        assert model.optimizer.iterations == STEPS[name]
        state = model.optimizer.variables[2:]
        assert not state or any(np.any(variable) for variable in state)
    truth = OLD / f"{name.partition('.')[0]}.truth.npz"
    if truth.is_file():
        with np.load(truth) as arrays:
            inputs = [arrays[key] for key in sorted(arrays) if key.startswith("x")]
            predictions = model(inputs[0] if len(inputs) == 1 else inputs)
            np.testing.assert_allclose(predictions, arrays["y"], atol=1e-6)


def test_an_architecture_and_its_weights_become_a_model(tmp_path):
    path = OLD / "t215_seq.json"
    with pytest.raises(ValueError, match=r"has no weights\. Give their file, too"):
        keras2.convert(path)
    old = tf_keras.models.model_from_json(path.read_text(encoding="utf-8"))
    old.save_weights(tmp_path / "weights.h5")
    model = keras2.convert(path, weights=tmp_path / "weights.h5")
    x = np.ones((2, 8), "float32")
    np.testing.assert_allclose(model(x), old(x), atol=1e-6)


# What converts otherwise is refused, and the layer is named


def save(model, path, optimizer="adam", steps=1):
    model.compile(optimizer, "mse")
    shape = [(2, *tensor.shape[1:]) for tensor in model.inputs]
    x = np.random.default_rng(1).random(shape[0], "float32")
    for _ in range(steps):
        model.train_on_batch(x, np.ones_like(model.predict(x, verbose=0)))
    model.save(path)


def test_a_mask_that_keras_3_merges_otherwise_is_refused(tmp_path):
    layers = tf_keras.layers
    inputs = tf_keras.Input((8, 3))
    joined = layers.Add()([layers.Masking()(inputs), layers.Dense(3)(inputs)])
    model = tf_keras.Model(inputs, layers.LSTM(4, name="memory")(joined))
    save(model, tmp_path / "old.h5")
    with pytest.raises(
        ValueError, match=r"the first layer that differs is memory \(LSTM"
    ):
        keras2.convert(tmp_path / "old.h5")


def test_an_optimizer_that_takes_other_steps_is_refused_with_a_remedy(tmp_path):
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [layers.Dense(3, "tanh", input_shape=(6,)), layers.Dense(1)]
    )
    save(model, tmp_path / "old.h5", tf_keras.optimizers.Nadam(), steps=3)
    with pytest.raises(ValueError, match=r"Nadam, it trains otherwise.*--no-training"):
        keras2.convert(tmp_path / "old.h5")
    model = keras2.convert(tmp_path / "old.h5", training=False)
    assert getattr(model, "optimizer", None) is None


def test_the_old_hard_sigmoid_is_the_old_one_and_the_new_file_has_it(tmp_path):
    layers = tf_keras.layers
    recurrent = layers.GRU(3, recurrent_activation="hard_sigmoid", input_shape=(5, 2))
    model = tf_keras.Sequential([recurrent, layers.Dense(2, "hard_sigmoid")])
    save(model, tmp_path / "old.h5")
    new = tmp_path / "new.keras"
    sentences = convert.convert(tmp_path / "old.h5", "keras2.h5", new)
    assert any(sentence.startswith("Both train") for sentence in sentences)
    x = 3 * np.random.default_rng(2).normal(size=(4, 5, 2)).astype("float32")
    np.testing.assert_allclose(keras.models.load_model(new)(x), model(x), atol=1e-6)


def test_code_in_an_old_file_is_not_run(tmp_path):
    marker = str(tmp_path / "ran")
    layer = tf_keras.layers.Lambda(lambda x: (open(marker, "w").close(), x)[1])
    model = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(2,)), layer])
    for name in "old.h5", "old.keras", "old":
        model.save(tmp_path / name)
    Path(marker).unlink()
    for name in "old.h5", "old.keras", "old":
        with pytest.raises(ValueError, match="Lambda"):
            keras2.convert(tmp_path / name)
    assert not Path(marker).exists()


def test_with_mixed_precision_the_optimizer_has_its_state(tmp_path):
    tf_keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        layers = tf_keras.layers
        hidden = layers.Dense(4, "relu", input_shape=(6,))
        model = tf_keras.Sequential([hidden, layers.Dense(2, dtype="float32")])
        save(model, tmp_path / "old.h5", steps=3)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    model, proven = keras2.convert_and_prove(tmp_path / "old.h5")
    assert model.optimizer.iterations == 3
    assert proven[1].startswith("Both train three batches the same")
