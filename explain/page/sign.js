// @ts-check
// The script of /tools/sign. `cargo xtask build page` bundles it with the module that explains, as one file: the page's
// policy allows no connection, so what is entered cannot leave the browser.

import initialise, { explain } from 'explainer';
import module from 'explainer.wasm';

const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const written = (/** @type {string} */ id) => /** @type {HTMLTextAreaElement} */ (find(id)).value;
const result = find('result');
const button = /** @type {HTMLButtonElement} */ (find('explain'));

/** The message as bytes: a file's own, or those of the text. */
async function message() {
  const [file] = /** @type {HTMLInputElement} */ (find('file')).files ?? [];
  // A text field turns CR LF into LF; a file keeps its bytes.
  return file ? new Uint8Array(await file.arrayBuffer()) : new TextEncoder().encode(written('message'));
}

async function show() {
  button.disabled = true;
  try {
    result.textContent = await explain(await message(), [written('key'), written('other')]);
  } catch (problem) {
    result.textContent = String(problem);
  } finally {
    button.disabled = false;
  }
}

initialise({ module_or_path: module }).then(
  () => {
    button.addEventListener('click', show);
    button.disabled = false;
  },
  () => {
    result.textContent = 'This browser cannot run WebAssembly. Use `weceive sign explain` instead.';
  },
);
