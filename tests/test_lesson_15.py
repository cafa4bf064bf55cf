"""Lesson 15: its page in a real browser, served by programs/serve.py."""

import hashlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from base64 import b64encode

import lesson
import models
from modelfile import tfjs
from pages import errors
from programs import serve

import keras
import numpy as np
import psutil
import pytest
from conftest import (
    ROOT,
    need,
)
from playwright.sync_api import sync_playwright

SCRIPT = "15_tensorflow_js.py"
SERVER = "programs/serve.py"
LIBRARY = ROOT / "web" / "tf.min.js"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
# A browser that does nothing but show the page.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# How somebody draws: lines from point to point, across a pad that is 1 wide and 1 high.
DRAWINGS = {
    0: [
        [
            (0.5 + 0.22 * math.sin(t / 3.3), 0.5 - 0.33 * math.cos(t / 3.3))
            for t in range(22)
        ]
    ],
    1: [[(0.5, 0.15), (0.5, 0.85)]],
    2: [
        [
            (0.3, 0.3),
            (0.4, 0.18),
            (0.6, 0.18),
            (0.68, 0.32),
            (0.6, 0.5),
            (0.3, 0.82),
            (0.72, 0.82),
        ]
    ],
    3: [
        [
            (0.3, 0.2),
            (0.6, 0.15),
            (0.68, 0.3),
            (0.45, 0.47),
            (0.7, 0.7),
            (0.55, 0.85),
            (0.3, 0.8),
        ]
    ],
    4: [[(0.3, 0.2), (0.3, 0.5), (0.7, 0.5)], [(0.68, 0.2), (0.68, 0.85)]],
    5: [
        [
            (0.68, 0.18),
            (0.35, 0.18),
            (0.33, 0.45),
            (0.55, 0.42),
            (0.7, 0.58),
            (0.62, 0.8),
            (0.3, 0.82),
        ]
    ],
    7: [[(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]],
}


# What the lesson says


# The server


@pytest.fixture(scope="module")
def served(default_run):
    """The server of the page that the lesson has written, and the folder of the lesson."""
    folder = default_run(SCRIPT).folder
    port, _ = lesson.free_ports()
    process = subprocess.Popen(
        [sys.executable, folder.parent.parent / SERVER, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.folder = folder
    process.address = re.search(r"http://127.0.0.1:\d+/", process.stdout.readline())[0]
    yield process
    process.kill()
    process.communicate()


def test_the_page_is_served_on_127_0_0_1_only(served):
    # On Windows, the Python of a virtual environment starts another one.
    process = psutil.Process(served.pid)
    addresses = []
    for each in [process, *process.children(recursive=True)]:
        for connection in each.net_connections():
            if connection.status == psutil.CONN_LISTEN:
                addresses.append(connection.laddr.ip)
    assert addresses == ["127.0.0.1"]


def test_ctrl_c_ends_the_server_cleanly(served):
    need(os.name == "posix", "this test sends a signal")
    port, _ = lesson.free_ports()
    command = [sys.executable, served.args[1], str(port)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGINT, before)
    assert "Ctrl-C ends the server" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("The server has ended.\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("port", ["taken", "many", "70000"])
def test_a_port_that_cannot_be_used_gets_one_sentence(tmp_path, port):
    # On Windows, `allow_reuse_address` would let a second server take it, silently.
    with serve.page_server(tmp_path, 0) as first:
        assert first.allow_reuse_address == (os.name == "posix")
        port = first.server_address[1] if port == "taken" else port
        with pytest.raises(SystemExit, match=rf"Port {port} cannot .* serve.py 8001"):
            serve.page_server(tmp_path, port)


def test_a_server_without_the_page_says_what_to_run_first(shared_folder):
    finished = shared_folder.run(SERVER)
    assert finished.returncode == 1
    assert finished.stderr.startswith("Run 15_tensorflow_js.py first: ")


# The page, in a real browser


@pytest.fixture(scope="module")
def browser():
    need(CHROMIUM, "Chromium is needed, from your system's packages, to try the page")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def library():
    need(
        LIBRARY.exists(), "web/tf.min.js is needed: docs/install.md says how to get it"
    )
    return LIBRARY


@pytest.fixture
def page(browser, served, library):
    """The page, with TensorFlow.js beside it, at a desktop's size; it must have no errors."""
    shutil.copy(library, served.folder / "web")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors = watch(page)
    page.goto(served.address)
    ready(page)
    yield page
    context.close()
    assert not [error for error in errors if "ERR_FAILED" not in error]


def watch(page):
    """Collect what the page writes to its console as a warning or error."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda m: (
            m.type in ("warning", "error") and errors.append(f"{m.type}: {m.text}")
        ),
    )
    return errors


def ready(page):
    page.wait_for_function("document.querySelector('#status').textContent === ''")


def draw(page, digit, size=1, left=0, top=0):
    """Draw a digit with the mouse; `size`, `left` and `top` are in parts of the pad."""
    page.click("#clear")
    box = page.locator("#pad").bounding_box()
    for line in DRAWINGS[digit]:
        points = [
            (
                box["x"] + (left + size * x) * box["width"],
                box["y"] + (top + size * y) * box["height"],
            )
            for x, y in line
        ]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=5)
        page.mouse.up()


def answer(page):
    return page.inner_text("#answer")


def predict(page, images):
    """Return the logits that the page's model computes for some images."""
    return np.array(
        page.evaluate(
            "images => tf.tidy(() => model.predict(tf.tensor2d(images)).arraySync())",
            images.tolist(),
        )
    )


def test_the_page_predicts_what_keras_does(page, served, mnist):
    images = mnist[1][0][:100]
    model = tfjs.load(served.folder / "web" / "model.json")
    assert np.abs(predict(page, images) - model(images)).max() < 1e-4


def rows_columns_and_centre(images):
    """Return how large digits are, and where the middle of their ink is, in pixels."""
    images = np.reshape(images, (-1, 28, 28))
    rows, columns = ((images.max(axis) > 0.1).sum(axis=1) for axis in (2, 1))
    centre = [
        (images.sum(axis) * np.arange(28)).sum(axis=1) / images.sum(axis=(1, 2))
        for axis in (2, 1)
    ]
    return np.maximum(rows, columns).mean(), np.mean(centre)


def test_each_drawn_digit_is_recognised_scaled_and_centred_as_mnist_is(
    page, mnist, request
):
    side, centre = rows_columns_and_centre(mnist[1][0])
    for digit in DRAWINGS:
        draw(page, digit)
        if digit == 3 and request.config.getoption("--renew"):
            page.screenshot(path=ROOT / "figures" / "page.png", animations="disabled")
        assert answer(page).startswith(f"This is a {digit}, I think")
        assert page.locator("#bars .top").inner_text().startswith(str(digit))
        pixels = page.evaluate("Array.from(digit())")
        drawn_side, drawn_centre = rows_columns_and_centre(pixels)
        assert abs(drawn_side - side) < 1.1
        assert abs(drawn_centre - centre) < 0.5


def test_the_chinese_page_speaks_chinese(page, served):
    page.goto(served.address + "zh.html")
    ready(page)
    draw(page, 3)
    assert answer(page).startswith("我认为是 3")
    page.locator("#labels button").nth(3).click()
    page.get_by_text("步：损失由").wait_for()
    assert re.findall("[a-z]+ [a-z]+", page.inner_text("body")) == []


def test_a_small_digit_in_a_corner_is_the_same_to_the_model(page):
    draw(page, 7)
    large = page.evaluate("Array.from(digit())")
    draw(page, 7, size=0.3, left=0.65, top=0.6)
    small = page.evaluate("Array.from(digit())")
    assert answer(page).startswith("This is a 7, I think")
    assert np.abs(np.subtract(large, small)).max() < 0.1


def test_a_click_makes_a_dot_and_clear_takes_it_away(page):
    page.click("#pad")
    assert answer(page).startswith("This is a")
    page.click("#clear")
    assert answer(page) == "Draw with mouse or finger"
    assert page.locator("#labels button").first.is_disabled()


def test_a_finger_draws_on_a_phone_and_all_is_on_one_screen(browser, served, library):
    shutil.copy(library, served.folder / "web")
    phone = {"width": 390, "height": 664}
    context = browser.new_context(viewport=phone, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(served.address)
    ready(page)
    box = page.locator("#pad").bounding_box()
    touch = context.new_cdp_session(page)
    points = [(0.25, 0.2), (0.5, 0.2), (0.75, 0.2), (0.6, 0.5), (0.45, 0.85)]
    for kind, (x, y) in zip(["touchStart", *["touchMove"] * 4], points, strict=True):
        at = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert answer(page).startswith("This is a 7, I think")
    page.click("#labels button:nth-child(3)")
    page.wait_for_function(
        "document.querySelector('#taught').textContent.includes('Trained')"
    )
    width, height = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert width <= phone["width"]
    assert height <= phone["height"]
    assert page.evaluate("scrollY") == 0
    context.close()


def test_teaching_changes_the_prediction_and_forgetting_brings_it_back(page, mnist):
    images = mnist[1][0][:100]
    before = predict(page, images)
    draw(page, 7)
    page.click("#labels button:nth-child(3)")
    page.wait_for_function(
        "document.querySelector('#taught').textContent.includes('Trained')"
    )
    losses = re.findall(r"\d+\.\d+", page.inner_text("#taught"))
    assert float(losses[0]) > 1 > float(losses[1])
    assert answer(page).startswith("This is a 2, I think")
    assert np.abs(predict(page, images) - before).max() > 0.1
    page.click("#forget")
    page.wait_for_function(
        "document.querySelector('#taught').textContent.includes('again')"
    )
    assert answer(page).startswith("This is a 7, I think")
    np.testing.assert_array_equal(predict(page, images), before)


def test_a_page_whose_server_has_ended_says_so_and_still_predicts(page):
    draw(page, 7)
    page.route("**/model.json", lambda route: route.abort())
    page.click("#forget")
    page.wait_for_function(
        "document.querySelector('#taught').textContent.includes('not work')"
    )
    draw(page, 1)
    assert answer(page).startswith("This is a 1, I think")


def test_a_stroke_that_is_cleared_or_leaves_the_pad_does_no_harm(page):
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] - 200, box["y"] + 100, steps=5)
    points = page.evaluate("strokes.flat(2)")
    assert min(points) == 0
    page.evaluate("document.querySelector('#clear').click()")
    page.mouse.move(box["x"] + 100, box["y"] + 100, steps=5)
    page.mouse.up()
    assert answer(page) == "Draw with mouse or finger"


def test_the_taught_model_comes_back_into_keras_and_trains_on(
    page, served, mnist, tmp_path
):
    images = mnist[1][0][:100]
    draw(page, 7)
    page.click("#labels button:nth-child(3)")
    page.wait_for_function(
        "document.querySelector('#taught').textContent.includes('Trained')"
    )
    downloads = []
    page.on("download", lambda d: downloads.append(d))  # noqa: PLW0108  it wants a function
    page.click("#save")
    while len(downloads) < 2:
        page.wait_for_timeout(100)
    for download in downloads:
        download.save_as(tmp_path / download.suggested_filename)
    (taught,) = tmp_path.glob("taught-*.json")
    loaded = tfjs.load(taught)
    assert np.abs(predict(page, images) - loaded(images)).max() < 1e-4
    models.compile(loaded)
    _, before = loaded.evaluate(*mnist[1], verbose=0)
    loaded.fit(*mnist[0], shuffle=False, verbose=0)
    assert loaded.evaluate(*mnist[1], verbose=0)[1] > before


def test_each_activation_that_is_written_is_the_same_in_the_browser(page, served):
    folder = served.folder / "web" / "activations"
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(6, activation) for activation in tfjs.ACTIVATIONS]
    for layer in layers:
        model = keras.Sequential([keras.Input((4,)), layer])
        tfjs.save(model, folder)
        x = np.random.default_rng(1).normal(scale=3, size=(20, 4)).astype("float32")
        outputs = page.evaluate(
            """async x => {
                const model = await tf.loadLayersModel(
                    "activations/model.json", {requestInit: {cache: "no-store"}});
                return model.predict(tf.tensor2d(x)).arraySync();
            }""",
            x.tolist(),
        )
        np.testing.assert_allclose(
            outputs, model(x), atol=1e-5, err_msg=layer.activation.__name__
        )


def test_hard_sigmoid_is_another_function_in_tensorflow_js(page):
    layer = "tf.layers.activation({activation: 'hardSigmoid'})"
    (value,) = page.evaluate(f"Array.from({layer}.apply(tf.tensor1d([1])).dataSync())")
    assert abs(value - 0.7) < 1e-6
    assert abs(float(keras.activations.hard_sigmoid(1.0)) - 2 / 3) < 1e-6


def test_tensorflow_js_refuses_the_architecture_as_keras_3_writes_it(page, served):
    folder = served.folder / "web" / "keras3"
    folder.mkdir(exist_ok=True)
    model = models.sequential()
    tfjs.save(model, folder)
    description = json.loads((folder / "model.json").read_text())
    description["modelTopology"] = json.loads(model.to_json())
    (folder / "model.json").write_text(json.dumps(description))
    message = page.evaluate(
        "tf.loadLayersModel('keras3/model.json').catch(e => e.message)"
    )
    (row,) = [row for row in errors.rows() if row["id"] == "tfjs-input"]
    assert f"Error: {message}" == row["says"]


# Where the page gets TensorFlow.js


@pytest.mark.parametrize("given", ["the release", "another file", "nothing"])
def test_without_a_copy_the_page_takes_the_release_from_the_cdn_and_nothing_else(
    browser, served, library, given
):
    (served.folder / "web" / "tf.min.js").unlink(missing_ok=True)
    asked = []

    def respond(route):
        # The CDN itself is out of reach here: what it would send is the release's own file.
        asked.append(route.request.url)
        content = library.read_bytes() + (b"" if given == "the release" else b" ")
        if given == "nothing":
            route.abort()
        else:
            headers = {
                "Access-Control-Allow-Origin": "*",
                "Content-Type": "text/javascript",
            }
            route.fulfill(body=content, headers=headers)

    context = browser.new_context()
    context.route("https://cdn.jsdelivr.net/**", respond)
    page = context.new_page()
    page.goto(served.address)
    if given == "the release":
        ready(page)
        draw(page, 7)
        assert answer(page).startswith("This is a 7, I think")
    else:
        page.wait_for_function(
            "document.querySelector('#status').textContent.includes('4.22.0')"
        )
        assert "TensorFlow.js 4.22.0 cannot be loaded" in page.inner_text("#status")
    assert asked == [
        "https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0/dist/tf.min.js"
    ]
    context.close()


def test_the_hash_in_the_page_is_that_of_the_release(library):
    digest = b64encode(hashlib.sha384(library.read_bytes()).digest()).decode()
    assert f'INTEGRITY = "sha384-{digest}"' in (ROOT / "web" / "page.js").read_text()


def test_a_page_without_its_model_says_what_to_do(browser, library, tmp_path):
    shutil.copytree(ROOT / "web", tmp_path / "web")
    page = browser.new_page()
    page.goto((tmp_path / "web" / "index.html").as_uri())
    page.wait_for_function(
        "!document.querySelector('#status').textContent.startsWith('Loading')"
    )
    assert "Run lesson 15, then programs/serve.py" in page.inner_text("#status")
    page.close()
