"""`modelfile --for`: a .keras file that an older Keras 3 reads, or a refusal."""

import json
import zipfile

import lesson  # noqa: F401  starts TensorFlow quietly
from modelfile import older

import keras
import pytest
from conftest import change_one_byte


@keras.saving.register_keras_serializable(package="tests")
class Own(keras.layers.Layer):
    """A layer that has an argument of the same name as one of Keras, and another default."""

    def __init__(self, optional=True, **kwargs):
        super().__init__(**kwargs)
        self.optional = optional

    def call(self, inputs):
        return inputs

    def get_config(self):
        return {**super().get_config(), "optional": self.optional}


def functional(inputs, layer):
    return keras.Model(inputs, layer(inputs))


def config(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("config.json").decode()


def test_a_functional_models_only_input_and_output_are_put_into_a_list(tmp_path):
    model = functional(keras.Input((4,), name="x"), keras.layers.Dense(2, name="y"))
    model.save(tmp_path / "new.keras")
    older.write(tmp_path / "new.keras", tmp_path / "old.keras", 0)
    before = json.loads(config(tmp_path / "new.keras"))["config"]
    after = json.loads(config(tmp_path / "old.keras"))["config"]
    assert (before["input_layers"], before["output_layers"]) == (
        ["x", 0, 0],
        ["y", 0, 0],
    )
    assert after["input_layers"] == [before["input_layers"]]
    assert after["output_layers"] == [before["output_layers"]]


@pytest.mark.parametrize("names", [list, dict])
def test_several_inputs_and_outputs_stay_as_they_are(tmp_path, names):
    inputs = [keras.Input((4,), name="a"), keras.Input((4,), name="b")]
    outputs = [keras.layers.Dense(2)(x) for x in inputs]
    if names is dict:
        inputs = dict(zip("ab", inputs, strict=True))
    keras.Model(inputs, outputs).save(tmp_path / "new.keras")
    older.write(tmp_path / "new.keras", tmp_path / "old.keras", 0)
    before = json.loads(config(tmp_path / "new.keras"))["config"]
    after = json.loads(config(tmp_path / "old.keras"))["config"]
    assert after["input_layers"] == before["input_layers"]
    assert len(keras.models.load_model(tmp_path / "old.keras").inputs) == 2


def test_arguments_of_a_class_of_ones_own_stay(tmp_path):
    model = keras.Sequential([keras.Input((4,)), Own(optional=False)])
    model.save(tmp_path / "new.keras")
    older.write(tmp_path / "new.keras", tmp_path / "old.keras", 0)
    loaded = keras.models.load_model(tmp_path / "old.keras")
    assert loaded.layers[0].optional is False


def quantized():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.quantize("int8")
    return model


REFUSED = {
    "optional=True": lambda: functional(
        keras.Input((4,), optional=True), keras.layers.Dense(2)
    ),
    "renorm_momentum=0.5": lambda: keras.Sequential(
        [keras.Input((4,)), keras.layers.BatchNormalization(renorm_momentum=0.5)]
    ),
    "input_axes=": lambda: keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                2,
                kernel_initializer=keras.initializers.GlorotUniform(
                    input_axes=[0], output_axes=[1]
                ),
            ),
        ]
    ),
    "quantization_config=": quantized,
}


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have a `quantize`")
@pytest.mark.parametrize("value", REFUSED)
def test_a_model_that_an_older_keras_cannot_have_is_refused(tmp_path, value):
    REFUSED[value]().save(tmp_path / "new.keras")
    (tmp_path / "old.keras").write_text("the file of yesterday")
    with pytest.raises(ValueError, match=f"Keras 3.0 does not know .*{value}"):
        older.write(tmp_path / "new.keras", tmp_path / "old.keras", 0)
    assert (tmp_path / "old.keras").read_text() == "the file of yesterday"


def test_of_a_damaged_file_no_new_one_is_written(tmp_path):
    model = functional(keras.Input((4,)), keras.layers.Dense(2))
    model.save(tmp_path / "new.keras")
    change_one_byte(tmp_path / "new.keras")
    with pytest.raises(zipfile.BadZipFile):
        older.write(tmp_path / "new.keras", tmp_path / "old.keras", 0)
    assert not (tmp_path / "old.keras").exists()
