"use strict";

// Finds the rows of the tables below that a pasted text is about: a whole traceback, its
// last line, or a piece of it. What each row looks for is in docs/errors.toml.

// A terminal breaks lines anywhere and adds colours; whoever copies loses marks.
const squeeze = (text) =>
  text
    .replace(/\x1b?\[[0-9;]+m/g, "")
    .replace(/[“”‘’"]/g, "'")
    .replace(/[\s`│|>\\]/g, "")
    .toLowerCase();
const letters = (text) => squeeze(text).replace(/[^a-z0-9_]/g, "");
const CHINESE = /[\u3400-\u9fff]/;
const LONGER = 200; // characters that a `*` stands for, at most
const PIECE = 8; // letters that a piece of a message needs at least

function pattern(text) {
  const pieces = text.split("*").map(squeeze);
  const source = pieces
    .map((piece) => piece.replace(/[.?^${}()[\]\\/+-]/g, "\\$&"))
    .reduce((all, piece) => {
      const any = all.endsWith("'") ? "[^'{]" : "[^{]";
      return `${all}${any}{0,${LONGER}}?${piece}`;
    });
  return { text, expression: new RegExp(source, "g"), length: pieces.join("").length };
}

function readRow(row) {
  const says = row.says ?? "";
  return {
    ...row,
    find: (row.find ?? []).map(pattern), // a fault without a message has none
    when: row.when?.map(pattern),
    unless: (row.unless ?? []).map(pattern),
    // What a piece of a message can be a piece of.
    whole: [says, ...(row.find ?? [])].map(letters),
    isWarning: /warning/i.test(says.split(":")[0]),
  };
}

const last = ({ expression }, text) => [...text.matchAll(expression)].at(-1);
const isIn = (text) => (one) => last(one, text) !== undefined;

// Where the last error of several begins: the ones before it led to it.
function beginningOfTheLast(text) {
  const found = /.*(duringhandlingoftheaboveexception|wasthedirectcauseofthefollowing)/.exec(text);
  return found ? found[0].length : 0;
}

function score(row, text) {
  const found = row.find
    .map((one) => ({ ...one, match: last(one, text) }))
    .filter((one) => one.match)
    .sort((a, b) => b.length - a.length)[0];
  if (!found || row.unless.some(isIn(text))) return null;
  const context = row.when?.find(isIn(text));
  // A last line alone cannot show where it comes from; a traceback does.
  if (row.when && !context && text.includes("file'")) return null;
  let points = found.length + (context?.length ?? 0);
  if (row.isWarning) points *= 0.3; // what stopped the program counts more
  if (row.general) points *= 0.1;
  if (found.match.index < beginningOfTheLast(text)) points *= 0.5;
  return { row, points, why: [found.text, ...(context ? [context.text] : [])] };
}

// Rows whose message has the pasted words, one behind the other.
function ofPiece(row, piece) {
  const lengths = row.whole.filter((one) => one.includes(piece)).map((one) => one.length);
  return lengths.length ? { row, points: piece.length / Math.min(...lengths), why: [] } : null;
}

function find(pasted) {
  const text = squeeze(pasted);
  const piece = letters(pasted);
  let found = ROWS.map((row) => score(row, text)).filter(Boolean);
  if (!found.length && piece.length >= PIECE) {
    found = ROWS.map((row) => ofPiece(row, piece)).filter(Boolean);
  }
  found.sort((a, b) => b.points - a.points);
  return found.filter((one) => one.points > 0.5 * found[0].points).slice(0, 4);
}

function line(label, className, ...content) {
  const paragraph = document.createElement("p");
  paragraph.className = className;
  const span = document.createElement("span");
  span.className = "label";
  span.textContent = label;
  paragraph.append(span, " ", ...content);
  return paragraph;
}

function show({ row, why }) {
  const item = document.createElement("li");
  item.dataset.row = row.id;
  for (const cell of TABLES[ROWS.indexOf(row)].cells) {
    const copies = [...cell.childNodes].map((node) => node.cloneNode(true));
    item.append(line(cell.dataset.label, "", ...copies));
  }
  const parts = why.flatMap((text, i) => {
    const code = document.createElement("code");
    code.textContent = text.replaceAll("*", "…");
    return i ? [", ", code] : [code];
  });
  const { why: because, piece } = form.dataset;
  item.append(why.length ? line(because, "why", ...parts) : line("", "why", piece));
  return item;
}

const TABLES = document.querySelectorAll("main tbody tr");
const ROWS = JSON.parse(document.querySelector("#rows").textContent).map(readRow);
const form = document.querySelector(".finder");
const pasted = document.querySelector("#pasted");

function update() {
  const text = pasted.value;
  const rows = text.trim() ? find(text) : [];
  const { nothing, english, one, more } = form.dataset;
  let said = "";
  if (rows.length) {
    said = rows.length === 1 ? one : more.replace("{}", rows.length);
  } else if (text.trim()) {
    said = CHINESE.test(text) ? english : nothing;
  }
  document.querySelector("#count").textContent = said;
  document.querySelector("#try").hidden = said !== nothing;
  document.querySelector("#found").replaceChildren(...rows.map(show));
}

form.hidden = false; // without JavaScript there is nothing to find with
pasted.addEventListener("input", update);
form.addEventListener("reset", () => setTimeout(update));
form.addEventListener("submit", (event) => event.preventDefault());
update(); // a browser fills in what was there before
