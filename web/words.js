"use strict";

// What page.js says, in the language of the page.
const WORDS = {
  en: {
    file:
      "A page opened as a file cannot load a model. Run lesson 15, then programs/serve.py, " +
      "and open the address that it prints.",
    noLibrary:
      "TensorFlow.js 4.22.0 cannot be loaded: tf.min.js is not beside this page, and the CDN " +
      "cannot be reached. Connect to the internet, or put the file there; then reload.",
    noModel: (message) =>
      `The model cannot be loaded (${message}). Run lesson 15 and programs/serve.py.`,
    answer: (digit, share) => `This is a ${digit}, I think (${share})`,
    draw: "Draw with mouse or finger",
    taught: (steps, digit, before, after) =>
      `Trained for ${steps} steps on your ${digit}: loss ${before} before, ${after} after. ` +
      "One image alone makes a model forget others.",
    saved: (name) =>
      `Saved: two files, ${name}. If only one arrived, allow this page to download several. ` +
      "In Python, tfjs.load of lesson 15 loads the .json file.",
    forgotten: "This is again the model that Keras trained.",
    failed: (message) => `This did not work: ${message}`,
  },
  "zh-CN": {
    file:
      "直接打开的网页文件无法加载模型。请先运行第 15 课，再运行 programs/serve.py，" +
      "然后打开它打印的网址。",
    noLibrary:
      "无法加载 TensorFlow.js 4.22.0：网页旁边没有 tf.min.js，也连不上 CDN。" +
      "请连接网络，或者把这个文件放到网页旁边，再重新加载。",
    noModel: (message) => `无法加载模型（${message}）。请运行第 15 课和 programs/serve.py。`,
    answer: (digit, share) => `我认为是 ${digit}（${share}）`,
    draw: "用鼠标或手指写个数字",
    taught: (steps, digit, before, after) =>
      `用您写的 ${digit} 训练了 ${steps} 步：损失由 ${before} 变为 ${after}。` +
      "只用一张图像训练，模型会忘掉其他数字。",
    saved: (name) =>
      `已保存为两个文件，${name}。如果只收到一个，请允许本页下载多个文件。` +
      "在 Python 里，用第 15 课的 tfjs.load 加载 .json 文件。",
    forgotten: "模型已恢复成 Keras 训练好的样子。",
    failed: (message) => `没有成功：${message}`,
  },
}[document.documentElement.lang];
