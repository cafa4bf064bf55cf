"use strict";

// The language that a reader chooses is remembered for the entry page.
const twin = document.querySelector("a.twin");
twin.addEventListener("click", () => {
  try {
    localStorage.setItem("language", twin.lang);
  } catch {} // a browser can refuse to remember
});

// The commands of Linux and macOS, or those of Windows, as a reader wants them. Where a
// sentence names a system, its commands are of that system, and stay.
function namesSystem(node) {
  const block = node.parentElement.closest("pre, p, li, td");
  const sentence = block?.matches("pre") ? block.previousElementSibling : block;
  return sentence?.matches("p, li, td") && /Linux|Windows/.test(sentence.textContent);
}

const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const commands = []; // each a piece of text, as it is on Linux and macOS
while (walker.nextNode()) {
  const node = walker.currentNode;
  const isCommand = node.data.includes(".venv/bin/") && node.parentElement.closest("code");
  if (isCommand && !namesSystem(node)) {
    commands.push([node, node.data]);
  }
}

const onWindows = (text) =>
  text
    .replaceAll(".venv/bin/", ".venv\\Scripts\\")
    .replace(/^python3 (-m venv .*)$/gm, 'cmd /c "py -3.13 $1"');

const system = document.querySelector(".windows input");
function choose(windows) {
  system.checked = windows;
  for (const [node, text] of commands) node.data = windows ? onWindows(text) : text;
}

let windows = navigator.userAgent.includes("Windows");
try {
  const chosen = localStorage.getItem("windows");
  if (chosen) windows = chosen === "true";
} catch {}
system.parentElement.hidden = commands.length === 0;
choose(windows);
system.addEventListener("change", () => {
  choose(system.checked);
  try {
    localStorage.setItem("windows", system.checked);
  } catch {}
});

// The code of a step, without the prose beside it. An empty line goes between two rows,
// but not where the second is still inside a class or a function.
function codeOf(box) {
  let text = "";
  for (const code of box.querySelectorAll("pre > code")) {
    const more = code.textContent;
    text += text && !/^\s/.test(more) ? `\n${more}` : more;
  }
  return text;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Where a page from the disk may not use the clipboard: as it was done before.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// Commands and code of the README, too.
for (const code of document.querySelectorAll(".page pre > code[class]")) {
  if (code.className === "language-text") continue;
  const box = document.createElement("div");
  box.className = "code";
  code.parentElement.before(box);
  box.append(code.parentElement);
  box.dataset.copy = document.body.dataset.copy;
  box.dataset.copyWhat = document.body.dataset.copyWhat;
}

for (const box of document.querySelectorAll("div[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = box.dataset.copy;
  button.setAttribute("aria-label", box.dataset.copyWhat);
  button.addEventListener("click", async () => {
    await copy(codeOf(box));
    button.textContent = document.body.dataset.copied;
    button.focus();
    setTimeout(() => (button.textContent = box.dataset.copy), 1500);
  });
  box.prepend(button);
}

// What scrolls can be scrolled by keyboard, too.
function reachable() {
  for (const block of document.querySelectorAll("pre")) {
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
    else block.removeAttribute("tabindex");
  }
}
addEventListener("resize", reachable);
for (const details of document.querySelectorAll("details")) {
  details.addEventListener("toggle", reachable);
}
reachable();
