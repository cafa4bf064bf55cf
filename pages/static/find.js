"use strict";

// Finds the rows of the tables below whose message is in a pasted text. A traceback is
// broken into lines anywhere, and what it quotes is the reader's own; so both are compared
// without spaces and marks, in the longest runs of words that are in the text.

const squeeze = (text) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
const codes = (cell) => [...cell.querySelectorAll("code")].map((c) => c.textContent);
const OWN = 0.3; // what a word counts that can be another one in the reader's text
const MODEL_FILE = /\.(keras|h5)'/;
const ENOUGH = 0.7; // of a message has to be in the text

function readRow(row) {
  const cells = [...row.cells];
  const [typed, says, because, type] =
    cells.length === 4 ? [null, ...cells] : [cells[0], cells[1], null, cells[2]];
  if (!codes(says).length) return null; // "works, with a warning"
  const message = codes(says)[0];
  // Names of files and classes stand for the reader's: what is typed has them, too. And
  // what is quoted and has a dot is the name of a file or a class.
  const fix = codes(type).join(" ");
  const own = new Set(fix.toLowerCase().match(/[a-z0-9]+/g));
  const quoted = [...message.matchAll(/'[^']*\.[^']*'/g)].join(" ").toLowerCase();
  quoted.match(/[a-z0-9]+/g)?.forEach((word) => own.add(word));
  const kind = message.match(/^(\w*(Error|Warning|File)|WARNING:absl):/)?.[0] ?? "";
  const words = [...message.matchAll(/[a-z0-9]+/gi)].map((match) => {
    const text = match[0].toLowerCase();
    if (match.index < kind.length) return { text, weight: 0 }; // not all copy it
    return { text, weight: text.length * (own.has(text) || /^\d+$/.test(text) ? OWN : 1) };
  });
  return {
    cells,
    words,
    // The name of an argument or a method has to be there.
    names: [...message.matchAll(/'([a-z]+(?:_[a-z]+)+)'/g)]
      .map((match) => match[1])
      .filter((name) => !fix.includes(name)),
    isOfFile: MODEL_FILE.test(message),
    isWarning: /warning/i.test(kind),
    // A message that stands at the end of a longer one says more than that.
    atEnd: says.textContent.trim() !== message,
    functions: typed
      ? codes(typed).map((call) => call.match(/(\w+)\([^(]*$/)[1])
      : codes(because).filter((name) => /^[a-z_]+$/.test(name)),
  };
}

function score(row, raw, squeezed) {
  if (!row.names.every((name) => squeezed.includes(squeeze(name)))) return 0;
  if (row.isOfFile && !MODEL_FILE.test(raw.replace(/\s/g, ""))) return 0;
  let found = 0;
  for (let first = 0; first < row.words.length; ) {
    let last = first;
    let run = "";
    while (last < row.words.length && squeezed.includes(run + row.words[last].text)) {
      run += row.words[last].text;
      last += 1;
    }
    // A single short word is in every text.
    if ((last - first > 1 && run.length > 7) || run.length > 11) {
      for (const word of row.words.slice(first, last)) found += word.weight;
      first = last;
    } else {
      first += 1;
    }
  }
  const all = row.words.reduce((sum, word) => sum + word.weight, 0);
  if (found / all < ENOUGH) return 0;
  const called = row.functions.some((name) => raw.match(`\\b${name}\\(`));
  // What stopped the program counts more than what it was warned of before.
  const factor = (row.isWarning ? 0.4 : 1) * (row.atEnd ? 1.5 : 1) * (called ? 1.2 : 1);
  return ((found * found) / all) * factor;
}

function find(text) {
  const raw = text.replace(/\x1b\[[0-9;]*m/g, ""); // colours of a terminal
  const squeezed = squeeze(raw);
  const scored = ROWS.map((row) => ({ row, score: score(row, raw, squeezed) }))
    .filter((found) => found.score)
    .sort((a, b) => b.score - a.score);
  return scored
    .filter((found) => found.score > 0.6 * scored[0].score)
    .slice(0, 4)
    .map((found) => found.row);
}

function show(row) {
  const item = document.createElement("li");
  for (const cell of row.cells) {
    const line = document.createElement("p");
    const label = document.createElement("span");
    label.className = "label";
    label.textContent = cell.dataset.label;
    line.append(label, " ", ...[...cell.childNodes].map((node) => node.cloneNode(true)));
    item.append(line);
  }
  return item;
}

const ROWS = [...document.querySelectorAll("main tbody tr")]
  .map(readRow)
  .filter(Boolean);
const form = document.querySelector(".finder");
const pasted = document.querySelector("#pasted");

function update() {
  const rows = pasted.value.trim() ? find(pasted.value) : [];
  const { nothing, one, more } = form.dataset;
  let said = "";
  if (pasted.value.trim()) {
    said = [nothing, one][rows.length] ?? more.replace("{}", rows.length);
  }
  document.querySelector("#count").textContent = said;
  document.querySelector("#found").replaceChildren(...rows.map(show));
}

form.hidden = false; // without JavaScript there is nothing to find with
pasted.addEventListener("input", update);
form.addEventListener("reset", () => setTimeout(update));
form.addEventListener("submit", (event) => event.preventDefault());
update(); // a browser fills in what was there before
