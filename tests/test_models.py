"""The three builds are the same classifier."""

import models

import keras
import numpy as np
import pytest


def test_each_build_is_built_uncompiled_and_has_50890_parameters(build):
    model = build()
    assert model.built
    assert not model.compiled
    assert model.count_params() == 50_890
    assert sum(variable.shape[0] for variable in model.variables) == 784 + 64 + 64 + 10


def test_with_the_same_seed_the_builds_have_equal_weights_and_predict_equally(mnist):
    _, (x_test, _) = mnist
    same = []
    for build in models.BUILDS.values():
        keras.utils.set_random_seed(7)
        model = build()
        same.append(
            [*model.get_weights(), model.predict(x_test, batch_size=1000, verbose=0)]
        )
    for other in same[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(same[0], other, strict=True))


def test_the_builds_train_equally(few):
    trained = []
    for build in models.BUILDS.values():
        keras.utils.set_random_seed(7)
        model = models.compile(build())
        model.fit(*few, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    for other in trained[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(trained[0], other, strict=True))


def test_the_loss_optimizer_and_metric_are_those_of_the_video(build):
    model = models.compile(build())
    config = model.get_compile_config()
    assert config["loss"]["class_name"] == "SparseCategoricalCrossentropy"
    assert config["loss"]["config"]["from_logits"] is True
    assert config["optimizer"]["class_name"] == "Adam"
    assert config["optimizer"]["config"]["learning_rate"] == pytest.approx(0.001)
    assert config["metrics"] == ["accuracy"]


def test_steps_per_execution_changes_no_bit_of_the_result(few):
    trained = []
    for steps in (1, 125):
        keras.utils.set_random_seed(7)
        model = models.compile(models.sequential())
        model.steps_per_execution = steps
        model.fit(*few, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*trained, strict=True))


def test_a_classifier_of_another_size_survives_get_config_and_from_config():
    model = models.Classifier(hidden=5, classes=3, name="small")
    model.build((None, 784))
    copy = models.Classifier.from_config(model.get_config())
    assert copy.name == "small"
    assert copy.count_params() == model.count_params() == 784 * 5 + 5 + 5 * 3 + 3


def test_the_builds_have_the_names_that_the_lessons_accept():
    for kind in models.BUILDS:
        assert type(models.build(kind)) is type(models.BUILDS[kind]())
        assert models.build_and_compile(kind).compiled
