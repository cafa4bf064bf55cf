"""The pages that `python -m pages` writes, in a real browser, opened from the disk."""

import ast
import itertools
import re
import subprocess
import sys
import traceback
import warnings
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pages import build, source

import pytest
import test_errors
import test_lesson_15
from conftest import (
    EXPERIMENTS,
    LESSONS,
    README,
    ROOT,
    TEXTS,
    TWINS,
    code,
    need,
    table_below,
)
from playwright.sync_api import expect

AXE = ROOT / "tests" / "axe.min.js"
PICTURE = ROOT / "figures" / "pages.png"
LANGUAGES = "en", "zh"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
# One page of each kind: axe looks at these.
KINDS = (
    "index",
    "01_save_load_weights",
    "05_another_model",
    "errors",
    "formats",
    "experiments-pairs",
    "experiments",
)
# What leads to each message of the table, and the names that it uses.
files, names = test_errors.files, test_errors.names
browser = test_lesson_15.browser
ERRORS = test_errors.ERRORS
THEN = [
    row for row in table_below(TEXTS["docs/errors.md"], "Then and now") if code(row[1])
]


@pytest.fixture(scope="module")
def site():
    """The folder that the command writes, as a user types it."""
    finished = subprocess.run(
        [sys.executable, "-m", "pages", "--language", "zh"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert finished.stderr == ""
    assert finished.stdout == f"请用浏览器打开 {ROOT / 'site' / 'index.html'}\n"
    return ROOT / "site"


@pytest.fixture
def page(browser):
    """A tab as wide as a desktop's, which fails the test if a page has an error."""
    context = browser.new_context(viewport=DESKTOP)
    tab = context.new_page()
    errors = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: errors.append(message.text))
    yield tab
    context.close()
    assert errors == []


# What is written: no browser is needed for it


class Links(HTMLParser):
    """The links of a page, the places in it that links can lead to, and its twin."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places, self.twin = [], set(), None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.places.add(attributes.get("id"))
        link = attributes.get("href") or attributes.get("src")
        if link:
            self.links.append(link)
        if attributes.get("class") == "twin":
            self.twin = link


@pytest.fixture(scope="module")
def written(site):
    """Dict: path of each page, and its Links."""
    return {path: Links(path) for path in site.rglob("*.html")}


def test_no_link_is_broken(written):
    for path, page in written.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme in ("https", "data"):
                continue
            target = path.parent / unquote(address.path) if address.path else path
            assert target.resolve().is_file(), f"{path.name}: {link}"
            if address.fragment:
                places = written[target.resolve()].places
                assert unquote(address.fragment) in places, f"{path.name}: {link}"


def test_each_page_is_linked_to_its_twin_or_to_the_first_page(site, written):
    english, chinese = (
        {path.name for path in (site / name).iterdir()} for name in LANGUAGES
    )
    # No page in Chinese has an English text.
    experiments = {name for name in english if name.startswith("experiments")}
    assert english - chinese == {*experiments, "contributing.html", "datasets.html"}
    assert chinese - english == {"terms.html"}
    for path, page in written.items():
        if path.parent != site:
            (other,) = {*LANGUAGES} - {path.parent.name}
            twin = path.name if path.name in english & chinese else "index.html"
            assert page.twin == f"../{other}/{twin}"


def test_each_script_and_each_text_can_be_reached(site, written):
    for language in LANGUAGES:
        reached, ahead = set(), [site / language / "index.html"]
        while ahead:
            path = ahead.pop()
            reached.add(path)
            found = {
                (path.parent / urlsplit(link).path).resolve()
                for link in written[path].links
                if ".html" in link and not link.startswith("https")
            }
            ahead += [other for other in found - reached if other.parent == path.parent]
        scripts = {name.removesuffix(".py") for name in LESSONS}
        wanted = scripts | {Path(name).stem for name in TWINS if name[0] == "d"}
        if language == "en":
            wanted |= {f"experiments-{e.partition('.')[2]}" for e in EXPERIMENTS}
            wanted |= {"contributing", "datasets"}
        assert wanted <= {path.stem for path in reached}


def test_a_package_that_is_missing_gets_one_sentence():
    finished = subprocess.run(
        [sys.executable, "-S", "-m", "pages"],  # -S: without any package
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert finished.returncode == 1
    assert len(finished.stderr.splitlines()) == 1
    assert "pip install -r pages/requirements.txt" in finished.stderr


def test_a_transcript_without_a_step_of_its_lesson_is_refused():
    steps = [source.Step(), source.Step(1, "Train"), source.Step(2, "Save")]
    text = "Lesson 1\n\n1. Train\n\n   ok\n\n2. Save\n\n   done\n"
    assert build.cut(text, steps) == ["Lesson 1", "   ok", "   done"]
    with pytest.raises(ValueError, match=r"have the heading of '2\. Save'"):
        build.cut(text.replace("2. Save", "2. Store"), steps)


# All pages, on a phone

LOOK = """() => ({
    width: document.documentElement.scrollWidth,
    code: [...document.querySelectorAll(".step .row > pre > code")].map(c => c.textContent),
    whole: document.querySelector("#whole")?.textContent,
    prose: [...document.querySelectorAll("main .prose p, main h1, main h2")].map(
        e => e.innerText
    ),
    links: [...document.querySelectorAll("main a")].map(a => a.textContent),
    scrolls: [...document.querySelectorAll(".row > pre:not(.output), .command pre")].filter(
        e => e.scrollWidth > e.clientWidth
    ).length,
    printed: [...document.querySelectorAll(".step pre.output")].map(c => c.textContent),
})"""


@pytest.fixture(scope="module")
def seen(site, browser):
    """Dict: (language, name of a page) to what a browser shows, and says, on a phone."""
    context = browser.new_context(viewport=PHONE)
    tab = context.new_page()
    said = []
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("request", lambda request: said.append(request.url))
    found = {}
    for language in LANGUAGES:
        for path in sorted((site / language).glob("*.html")):
            said.clear()
            tab.goto(path.as_uri(), wait_until="domcontentloaded")
            found[language, path.stem] = {**tab.evaluate(LOOK), "said": [*said]}
    context.close()
    return found


def test_no_page_has_an_error_or_asks_a_network(seen):
    for page, look in seen.items():
        others = [s for s in look["said"] if not s.startswith(("file:", "data:"))]
        assert others == [], page


def test_nothing_but_code_scrolls_sideways_on_a_phone(seen):
    wide = [page for page, look in seen.items() if look["width"] > PHONE["width"]]
    assert wide == []


def test_no_code_of_a_lesson_has_to_be_scrolled_on_a_phone(seen):
    assert [page for page, look in seen.items() if look["scrolls"]] == []


def test_a_link_to_a_page_has_the_name_of_the_page_not_of_its_file(seen):
    for page, look in seen.items():
        files = [t for t in look["links"] if re.search(r"^README$|\.md$", t)]
        assert files == [], page
    assert {"首页", "安装"} <= {
        *seen["zh", "index"]["links"],
        *seen["zh", "install"]["links"],
    }


def code_of(text):
    """Return the lines of a script that are neither empty, comments nor its docstring."""
    first = ast.parse(text).body[0].end_lineno
    lines = text.splitlines()[first:]
    return [line for line in lines if line.strip() and line.strip()[0] != "#"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_code_on_a_page_is_that_of_the_file(seen, language):
    for name in LESSONS:
        look = seen[language, name.removesuffix(".py")]
        path = ROOT / ("zh" if language == "zh" else "") / name
        text = path.read_text(encoding="utf-8")
        assert look["whole"] == text
        shown = [line for line in "".join(look["code"]).split("\n") if line.strip()]
        assert shown == code_of(text), name


def test_a_chinese_page_has_no_english_prose(seen):
    for (language, name), look in seen.items():
        if language == "zh":
            english = [
                text for text in look["prose"] if not re.search("[\u4e00-\u9fff]", text)
            ]
            # Names of files and formats.
            assert [
                text for text in english if re.search("[a-z] [a-z]{2,} [a-z]", text)
            ] == [], name


def test_what_the_steps_print_is_the_whole_transcript(seen):
    for language, name in itertools.product(LANGUAGES, LESSONS):
        folder = ROOT / "output" / ("zh" if language == "zh" else "")
        path = folder / name.replace(".py", ".txt")
        if path.exists():
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"^\d+\. .*\n", "", text, flags=re.M)
            printed = "\n".join(seen[language, path.stem]["printed"])
            lines = [line for line in printed.splitlines() if line]
            assert lines == [line for line in text.splitlines() if line], name


# One page of each kind


@pytest.mark.parametrize(
    "language, viewport, color_scheme",
    [("en", DESKTOP, "light"), ("zh", PHONE, "dark")],
    ids=["en", "zh"],
)
def test_axe_finds_nothing_serious(site, browser, language, viewport, color_scheme):
    need(AXE.exists(), "axe-core is not in tests/: .ci/run shows how to get it")
    context = browser.new_context(viewport=viewport, color_scheme=color_scheme)
    tab = context.new_page()
    for name in KINDS:
        if not (site / language / f"{name}.html").exists():
            continue  # it is there in English only
        tab.goto((site / language / f"{name}.html").as_uri())
        if name == "errors":
            tab.fill("#pasted", "Could not locate class 'Mine'")
        for details in tab.locator("summary").all():
            details.click()
        tab.add_script_tag(path=AXE)
        found = tab.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)"
        )
        serious = [
            (rule["id"], [node["html"][:200] for node in rule["nodes"]])
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]
        assert serious == [], name
    context.close()


@pytest.mark.parametrize(
    "locale, language", [("zh-CN", "zh"), ("en-GB", "en"), ("fr-FR", "en")]
)
def test_the_language_of_the_browser_is_chosen_and_then_the_readers(
    site, browser, locale, language
):
    (other,) = {*LANGUAGES} - {language}
    context = browser.new_context(locale=locale, viewport=DESKTOP)
    tab = context.new_page()
    tab.goto((site / "index.html").as_uri())
    tab.wait_for_url(f"**/{language}/index.html")
    tab.click("a.twin")
    tab.wait_for_url(f"**/{other}/index.html")
    assert tab.get_attribute("html", "lang").startswith(other)
    tab.goto((site / "index.html").as_uri())
    tab.wait_for_url(f"**/{other}/index.html")
    context.close()


def test_the_keyboard_goes_first_to_a_visible_link_to_the_text(site, page):
    page.goto((site / "en" / "01_save_load_weights.html").as_uri())
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert focused.inner_text() == "Skip to the text"
    assert focused.bounding_box()["x"] >= 0
    assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_commands_are_those_of_windows_where_a_reader_wants_them(site, page):
    page.goto((site / "zh" / "index.html").as_uri())
    choice = page.get_by_label("Windows 命令")
    command = page.locator("code", has_text=re.compile("python zh/02"))
    assert command.inner_text().startswith(".venv/bin/python ")
    choice.check()
    assert command.inner_text().startswith(".venv\\Scripts\\python ")
    tests = page.locator("code", has_text="tests/requirements.txt").inner_text()
    assert tests.startswith('cmd /c "py -3.13 -m venv')
    assert tests.rstrip().endswith('pytest"')
    page.goto((site / "en" / "01_save_load_weights.html").as_uri())  # it remembers
    assert "Scripts" in page.locator(".command").inner_text()
    page.get_by_label("Windows commands").uncheck()
    assert "bin/python" in page.locator(".command").inner_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_a_sentence_names_a_system_its_commands_stay(site, page, language):
    shown = {}
    for name in ("index", "install"):
        page.goto((site / language / f"{name}.html").as_uri())
        page.locator(".windows input").check()
        shown[name] = page.inner_text("main")
    # No && outside of cmd, which an old PowerShell does not know; and below "On Linux".
    lines = [line for line in shown["index"].splitlines() if "&&" in line]
    assert [line.split()[0] for line in lines].count("python3") == 1
    assert {line.split()[0] for line in lines} == {"python3", "cmd"}
    if language == "zh":
        assert "把 .venv/bin/python 都换成 .venv\\Scripts\\python" in shown["index"]
        assert "Linux 和 macOS 上是 .venv/bin/python" in shown["install"]


def test_no_chinese_heading_is_broken_inside_a_word_on_a_phone(site, page):
    page.set_viewport_size(PHONE)
    page.goto((site / "zh" / "01_save_load_weights.html").as_uri())
    style = page.locator("h1").evaluate("e => getComputedStyle(e).wordBreak")
    assert style == "keep-all"


def test_a_button_copies_the_code_of_a_step(site, page):
    page.goto((site / "en" / "01_save_load_weights.html").as_uri())
    button = page.locator("#step-4 button")
    button.click()
    expect(button).to_have_text("Copied")
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.focus("textarea")
    page.keyboard.press("Control+V")
    copied = page.input_value("textarea")
    text = (ROOT / "01_save_load_weights.py").read_text(encoding="utf-8")
    step = re.search(r"^lesson\.step\(4.*?(?=^lesson\.step\(5|\Z)", text, re.M | re.S)
    wanted = [
        line for line in step[0].splitlines() if line.strip() and line.strip()[0] != "#"
    ]
    assert [line for line in copied.splitlines() if line] == wanted
    compile(copied, "copied", "exec")


def test_a_button_copies_the_command_that_starts_a_lesson(site, page):
    page.goto((site / "en" / "01_save_load_weights.html").as_uri())
    page.evaluate("navigator.clipboard.writeText = text => { window.copied = text; }")
    page.locator(".command button").click()
    assert page.evaluate("copied") == ".venv/bin/python 01_save_load_weights.py"


def test_printed_on_paper_no_code_is_cut_off(site, page):
    page.goto((site / "en" / "01_save_load_weights.html").as_uri())
    page.set_viewport_size({"width": 640, "height": 900})
    page.emulate_media(media="print")
    cut = page.evaluate(
        "[...document.querySelectorAll('pre')].filter(p => p.scrollWidth > p.clientWidth)"
        ".length"
    )
    assert cut == 0
    assert not page.locator("header.site").is_visible()


def test_the_readme_has_a_picture_of_a_page(site, page, request):
    if request.config.getoption("--renew"):
        page.goto((site / "en" / "01_save_load_weights.html").as_uri())
        step = page.locator("#step-3").bounding_box()
        box = {"x": 0, "y": step["y"] - 8, "width": DESKTOP["width"]}
        box["height"] = step["height"] + 40
        page.screenshot(path=PICTURE, clip=box, full_page=True)
    assert PICTURE.stat().st_size < 200_000
    assert f"](figures/{PICTURE.name})" in README


# Find your error

# The message of each row that is found; in the video's table it is in the second line.
MESSAGES_FOUND = """[...document.querySelectorAll("#found li")].map(row => {
    const lines = [...row.querySelectorAll("p")];
    const line = lines.length === 4 ? row.querySelector("p code") : lines[1].querySelector("code");
    return line.innerText;
})"""


@pytest.fixture
def finder(site, page):
    """A function that pastes a text, and returns the messages of the rows it finds."""

    def paste(text):
        page.fill("#pasted", text)
        found = page.evaluate(MESSAGES_FOUND)
        assert page.inner_text("#count")
        return found

    page.goto((site / "en" / "errors.html").as_uri())
    return paste


def on_the_terminal(program, known):
    """Run a program that knows some names, and return what Python and absl write."""
    with test_errors.absl_lines() as lines, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *arguments, **_: lines.append(
            warnings.formatwarning(*arguments[:4])
        )
        try:
            exec(compile(program, "my_script.py", "exec"), known)
        except Exception:
            lines.append(traceback.format_exc())
    return "\n".join(line.rstrip("\n") for line in lines)


def test_each_message_is_found_by_what_stands_on_the_terminal(finder, names):
    for row in ERRORS:
        (message,) = code(row[0])
        for program in test_errors.ways(row):
            test_errors.make_models(program, names)
            text = on_the_terminal(program, names)
            found = finder(text)
            assert found, text
            assert found[0].strip() == message.strip(), text


# A traceback as Keras's users paste it: wrapped by a terminal, in colour, with a prefix.
TRACEBACK = """Traceback (most recent call last):
  File "/home/me/train.py", line 12, in <module>
    {call}
  File "/home/me/.venv/lib/python3.11/site-packages/keras/src/utils/traceback_utils.py", line 122
    raise e.with_traceback(filtered_tb) from None
{message}"""


def test_each_row_is_found_on_the_chinese_page_however_a_terminal_breaks_its_message(
    site, page, finder
):
    page.goto((site / "zh" / "errors.html").as_uri())
    cases = [(code(row[0])[0], "keras.models.load_model(path)") for row in ERRORS]
    cases += [(code(today)[0], code(then)[0]) for then, today, _ in THEN]
    for message, call in cases:
        narrow = "\n".join(re.findall(".{1,20}", message))
        found = finder(TRACEBACK.format(call=call, message=f"\x1b[31m{narrow}\x1b[0m"))
        assert found, message
        assert message.strip() in found[0], message


def test_the_videos_call_decides_between_rows_with_the_same_message(finder, page):
    finder(
        TRACEBACK.format(call='model.load_weights("w/")', message=code(THEN[1][1])[0])
    )
    assert (
        'model.load_weights("weights/")' in page.locator("#found li").first.inner_text()
    )


# What a reader may paste, and a part of the message in the row that is to be found.
OWN_NAMES = {
    "TypeError: Could not locate class 'Mine'. Make sure": "class 'Classifier'",
    "ValueError: Unknown layer: 'Mine'. Please ensure": "'Classifier'",
    "<class 'keras.src.models.functional.Functional'> could not be deserialized "
    "properly.": "could not be deserialized",
    "ValueError: A total of 7 objects could not be loaded. Example": "A total of",
    "AttributeError: 'RMSprop' object has no attribute 'get_weights'": "'Adam'",
    "ValueError: File not found: filepath=cnn.keras. Please ensure": "File not found",
}
SOMETHING_ELSE = [
    "ZeroDivisionError: division by zero",
    "ModuleNotFoundError: No module named 'tensorflow'",
    "FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'",
    "TypeError: Dense.__init__() got an unexpected keyword argument 'unit'",
    "AttributeError: 'NoneType' object has no attribute 'shape'",
    "ValueError: could not convert string to float: 'a'",
    "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when "
    "allocating tensor with shape[4096,4096]",
    "My model is saved, and now I load the weights from a file. What shall I do?",
]


def test_a_message_about_the_readers_own_names_is_found(finder):
    for message, row in OWN_NAMES.items():
        found = finder(TRACEBACK.format(call="f()", message=message))
        assert row in found[0], message


def test_a_text_about_something_else_finds_nothing_and_is_told_so(finder, page):
    for text in SOMETHING_ELSE:
        for pasted in (text, TRACEBACK.format(call="model.fit(x, y)", message=text)):
            assert finder(pasted) == [], text
            said = page.inner_text("#count")
            assert said == "No row of the tables below is about this message."


def test_without_a_text_nothing_is_said(site, page, finder):
    finder("ValueError: Unknown layer: 'Mine'")
    page.click("text=Clear")
    expect(page.locator("#count")).to_be_empty()
    assert page.locator("#found li").count() == 0
