"""The pages that `python -m pages` writes, in a real browser, opened from the disk."""

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pages import build, errors, source

import pytest
import test_lesson_15
from conftest import EXPERIMENTS, LESSONS, README, ROOT, TWINS, need
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
browser = test_lesson_15.browser


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

ERRORS = ROOT / "tests" / "errors"
SAID = json.loads((ERRORS / "said.json").read_text(encoding="utf-8"))
QUOTED = tomllib.loads((ERRORS / "quoted.toml").read_text(encoding="utf-8"))["messages"]
# What people paste, and the row that has to be found first; "" for none.
MESSAGES = [(text, row) for row, texts in SAID.items() for text in texts] + [
    (message["text"], message["row"]) for message in QUOTED
]
WITH_MESSAGE = [row for row in errors.rows() if "says" in row]
# A traceback as Keras's users paste it.
TRACEBACK = """Traceback (most recent call last):
  File "/home/me/train.py", line 12, in <module>
    keras.models.load_model(path)
  File "/home/me/.venv/lib/python3.11/site-packages/keras/src/utils/traceback_utils.py", line 122
    raise e.with_traceback(filtered_tb) from None
{}"""


@pytest.fixture
def finder(site, page):
    """A function that pastes texts, and returns the ids of the rows that each finds."""

    def paste(texts, language="en"):
        address = (site / language / "errors.html").as_uri()
        if page.url != address:
            page.goto(address)
        return page.evaluate(
            "texts => texts.map(text => find(text).map(found => found.row.id))", texts
        )

    return paste


def test_of_at_least_120_messages_the_right_row_is_found_first(finder):
    assert len(MESSAGES) >= 120
    found = finder([text for text, _ in MESSAGES])
    wrong = [
        (row, ids, text[-300:])
        for ids, (text, row) in zip(found, MESSAGES, strict=True)
        if ids[:1] != [row] * bool(row)
    ]
    print(f"{len(MESSAGES)} messages, {len(MESSAGES) - len(wrong)} found first")
    assert wrong == []


def test_no_row_is_without_a_message_that_finds_it():
    tried = {row for _, row in MESSAGES}
    first = "what stands above the message of other rows"
    without = [row["id"] for row in WITH_MESSAGE if row["id"] not in tried]
    assert without == ["not-deserialized"], first


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_row_is_found_however_a_terminal_breaks_its_message(finder, language):
    narrow = ["\n".join(re.findall(".{1,20}", row["says"])) for row in WITH_MESSAGE]
    texts = [TRACEBACK.format(f"\x1b[31m{text}\x1b[0m") for text in narrow]
    for row, found in zip(WITH_MESSAGE, finder(texts, language), strict=True):
        # Without the call that stands above it, its message can be that of another row.
        if not {"when", "unless"} & row.keys():
            assert found[:1] == [row["id"]]


def test_the_last_line_alone_finds_the_row(finder):
    texts = [row["says"] for row in WITH_MESSAGE]
    for row, found in zip(WITH_MESSAGE, finder(texts), strict=True):
        assert row["id"] in found


def test_what_is_shown_is_the_row_and_why_it_is_this_one(site, page):
    for language, type_, why in (
        ("en", "Type", "Because your text has"),
        ("zh", "改法", "依据：您贴的内容里有"),
    ):
        page.goto((site / language / "errors.html").as_uri())
        page.fill(
            "#pasted", "TypeError: Could not locate class 'Functional'. Make sure"
        )
        first = page.locator("#found li").first
        assert first.get_attribute("data-row") == "k2-class"
        shown = " ".join(first.inner_text().split())
        assert f'{type_} keras2.convert("old.keras")' in shown
        assert f"{why} Could not locate class 'Functional'" in shown
        page.fill("#pasted", "found 2 objects, neither an attribute of the reloaded")
        assert page.locator("#found li").count() == 0
        assert page.locator("#try").is_visible()


def test_where_nothing_fits_it_says_so_and_what_to_try(site, page):
    page.goto((site / "en" / "errors.html").as_uri())
    page.fill("#pasted", TRACEBACK.format("ZeroDivisionError: division by zero"))
    said = page.inner_text("#count")
    assert said.startswith("No row of the tables below is about this message.")
    assert "python -m modelfile FILE" in page.inner_text("#try")
    assert "keras.__version__" in page.inner_text("#try")
    page.click("text=Clear")
    expect(page.locator("#count")).to_be_empty()
    assert page.locator("#try").is_hidden()


def test_chinese_is_answered_with_the_wish_for_english(site, page):
    page.goto((site / "zh" / "errors.html").as_uri())
    page.fill("#pasted", "模型加载失败，找不到文件")
    assert page.inner_text("#count").startswith("请粘贴英文原文")
    page.fill("#pasted", "加载时报错 ValueError: bad marshal data (unknown type code)")
    assert page.locator("#found li").first.get_attribute("data-row") == "marshal"
