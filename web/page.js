"use strict";

// TensorFlow.js: the copy beside this page or, if there is none, a CDN's. The browser takes
// a file only if its hash is that of release 4.22.0.
const LIBRARY = ["tf.min.js", "https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0/dist/tf.min.js"];
const INTEGRITY = "sha384-vE8hbVJ4lezako5rlvE7bY0BVzWlFhZncPlckrqNwcUQpVtgbENTgZ8TBbnPjZre";

// MNIST, in pixels: images of 28 x 28, the digit 20 high or wide, lines about as thick as
// LINE, and the centre of mass in the middle of the pixel that has 14 before it.
const SIZE = 28;
const DIGIT = 20;
const LINE = 2.3;
const CENTRE = 14.5;

const STEPS = 20; // of training, for each drawing that is taught

const element = (id) => document.getElementById(id);
const pad = element("pad").getContext("2d");
const seen = element("seen").getContext("2d", { willReadFrequently: true });

let model;
let busy = true; // loading or training
let strokes = []; // each a list of points [x, y], from 0 to 1

// Loading

function loadScript(src) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src, integrity: INTEGRITY, crossOrigin: "anonymous" });
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

async function loadModel() {
  const loaded = await tf.loadLayersModel("model.json", { requestInit: { cache: "no-store" } });
  // As the lesson compiles it: Adam, and the loss that takes logits.
  loaded.compile({
    optimizer: tf.train.adam(),
    loss: (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits),
  });
  model?.dispose();
  model = loaded;
}

async function start() {
  if (location.protocol === "file:") {
    element("status").textContent = WORDS.file;
    return;
  }
  try {
    await loadScript(LIBRARY[0]).catch(() => loadScript(LIBRARY[1]));
  } catch {
    element("status").textContent = WORDS.noLibrary;
    return;
  }
  try {
    // With a model this small the processor is fast enough, and it computes in full float32.
    await tf.setBackend("cpu");
    await loadModel();
  } catch (error) {
    element("status").textContent = WORDS.noModel(error.message);
    return;
  }
  element("status").textContent = "";
  busy = false;
  show();
}

// Drawing

function paint(context, width, scale, dx, dy) {
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    for (const [x, y] of [stroke[0], ...stroke]) {
      context.lineTo(x * scale + dx, y * scale + dy);
    }
    context.stroke();
  }
}

function paintSeen(scale, dx, dy) {
  seen.fillStyle = "#000";
  seen.fillRect(0, 0, SIZE, SIZE);
  seen.strokeStyle = "#fff";
  paint(seen, LINE, scale, dx, dy);
  const { data } = seen.getImageData(0, 0, SIZE, SIZE);
  return Float32Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i] / 255);
}

// The drawing as one of MNIST's images: float32, 784 numbers from 0 to 1.
function digit() {
  const xs = strokes.flat().map(([x]) => x);
  const ys = strokes.flat().map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const scale = (DIGIT - LINE) / Math.max(right - left, bottom - top, 0.05);
  const dx = CENTRE - (scale * (left + right)) / 2;
  const dy = CENTRE - (scale * (top + bottom)) / 2;
  const pixels = paintSeen(scale, dx, dy);
  let mass = 0, massX = 0, massY = 0;
  pixels.forEach((value, i) => {
    mass += value;
    massX += value * ((i % SIZE) + 0.5);
    massY += value * (Math.floor(i / SIZE) + 0.5);
  });
  return paintSeen(scale, dx + CENTRE - massX / mass, dy + CENTRE - massY / mass);
}

// Outside the pad there is no ink.
function point(event) {
  const box = element("pad").getBoundingClientRect();
  const inside = (part) => Math.min(Math.max(part, 0), 1);
  return [
    inside((event.clientX - box.left) / box.width),
    inside((event.clientY - box.top) / box.height),
  ];
}

let pointer = null; // the finger that draws; others are ignored
element("pad").addEventListener("pointerdown", (event) => {
  if (busy || pointer !== null || event.button !== 0) return;
  pointer = event.pointerId;
  element("pad").setPointerCapture(pointer);
  strokes.push([point(event)]);
  show();
});
element("pad").addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  strokes.at(-1).push(point(event));
  show();
});
for (const end of ["pointerup", "pointercancel"]) {
  element("pad").addEventListener(end, (event) => {
    if (event.pointerId === pointer) pointer = null;
  });
}
element("clear").addEventListener("click", () => {
  if (busy) return;
  pointer = null;
  strokes = [];
  show();
});

// Predicting

function show() {
  const drawn = strokes.length > 0;
  const side = element("pad").width;
  pad.clearRect(0, 0, side, side);
  pad.strokeStyle = "#222";
  paint(pad, side / 14, side, 0, 0);

  let shares = new Float32Array(10);
  if (drawn) {
    const pixels = digit();
    shares = tf.tidy(() => model.predict(tf.tensor2d(pixels, [1, 784])).softmax().dataSync());
  } else {
    paintSeen(0, -SIZE, -SIZE);
  }
  const best = shares.indexOf(Math.max(...shares));
  element("answer").textContent = drawn
    ? WORDS.answer(best, percent(shares[best]))
    : WORDS.draw;
  [...element("bars").children].forEach((row, i) => {
    row.className = drawn && i === best ? "top" : "";
    row.querySelector(".bar").style.width = `${100 * shares[i]}%`;
    row.querySelector(".share").textContent = drawn ? percent(shares[i]) : "";
  });
  for (const label of element("labels").children) label.disabled = busy || !drawn;
  element("save").disabled = element("forget").disabled = busy;
}

const percent = (share) => `${Math.round(100 * share)}%`;

// Teaching: training continues where Keras stopped, with one image and a new Adam.

async function teach(label) {
  const image = tf.tensor2d(digit(), [1, 784]);
  const wanted = tf.oneHot([label], 10).toFloat();
  const loss = () => tf.tidy(() => model.evaluate(image, wanted).dataSync()[0].toFixed(3));
  const before = loss();
  for (let step = 0; step < STEPS; step++) {
    await model.trainOnBatch(image, wanted);
    show();
    await tf.nextFrame();
  }
  element("taught").textContent = WORDS.taught(STEPS, label, before, loss());
  tf.dispose([image, wanted]);
}

// Two files, model and weights. The time in their names keeps those of one download together.
async function save() {
  const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  await model.save(`downloads://taught-${time}`);
  element("taught").textContent = WORDS.saved(`taught-${time}`);
}

async function forget() {
  await loadModel();
  element("taught").textContent = WORDS.forgotten;
}

// Run one of the three; while it runs, nothing else is started.
function button(node, action) {
  node.disabled = true;
  node.addEventListener("click", async () => {
    if (busy) return;
    busy = true;
    try {
      await action();
    } catch (error) {
      element("taught").textContent = WORDS.failed(error.message);
    }
    busy = false;
    show();
    node.focus(); // a disabled button has lost it
  });
}

for (let i = 0; i < 10; i++) {
  const row = document.createElement("li");
  row.innerHTML = `${i}<div class="track"><div class="bar"></div></div><span class="share"></span>`;
  element("bars").append(row);
  const label = document.createElement("button");
  label.type = "button";
  label.textContent = i;
  button(label, () => teach(i));
  element("labels").append(label);
}
button(element("save"), save);
button(element("forget"), forget);
start();
