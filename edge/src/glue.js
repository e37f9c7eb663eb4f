// @ts-check
// Each function here is one crossing between WebAssembly and JavaScript, and does the work of many: a crossing that carries a
// text or makes a closure costs as much as thousands of instructions. No function decides anything.

/**
 * The method, the address, and then the name and the value of each header, one on each line: none contains a line feed.
 *
 * @param {Request} request
 */
export function head(request) {
  let lines = `${request.method}\n${request.url}`;
  for (const [name, value] of request.headers) lines += `\n${name}\n${value}`;
  return lines;
}

/**
 * The whole body of a request whose length is known to be small; nothing if it does not arrive in time.
 *
 * @param {Request} request
 * @param {number} patience in milliseconds
 */
export async function body(request, patience) {
  /** @type {number | undefined} */
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, patience);
  });
  try {
    return await Promise.race([request.bytes(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * An answer. `headers` has the name and the value of each header, one on each line.
 *
 * @param {number} status
 * @param {string} headers
 * @param {Uint8Array} body a view of WebAssembly's memory
 */
export function answer(status, headers, body) {
  const bytes = body.length ? body.slice() : null;
  return headers ? new Response(bytes, { status, headers: pairs(headers) }) : new Response(bytes, { status });
}

/** @param {string} headers */
function pairs(headers) {
  const lines = headers.split("\n");
  /** @type {[string, string][]} */
  const found = [];
  for (let at = 0; at + 1 < lines.length; at += 2) found.push([lines[at], lines[at + 1]]);
  return found;
}

/**
 * Calls an object; the answer's body.
 *
 * @param {any} namespace
 * @param {string} name
 * @param {string} path
 * @param {Uint8Array} body a view of WebAssembly's memory
 */
export async function call(namespace, name, path, body) {
  const init = { method: "POST", body: body.slice() };
  const answer = await namespace.getByName(name).fetch(`https://object.invalid/${path}`, init);
  return answer.bytes();
}

/**
 * The body of such a call, in the object; nothing where the request is none.
 *
 * @param {Request} request
 */
export function called(request) {
  return request.method === "POST" ? request.bytes() : undefined;
}

/**
 * Sends a request; the answer's status and headers as lines, and its body. Nothing if it does not arrive in time, and `null` if
 * it is longer than `most` bytes.
 *
 * @param {{ fetch: typeof fetch } | undefined} binding
 * @param {string} method
 * @param {string} address
 * @param {string} headers as in `answer`
 * @param {Uint8Array} body a view of WebAssembly's memory
 * @param {number} patience in milliseconds
 * @param {number} most
 * @param {boolean} cuts whether a longer body is cut off instead
 */
export async function send(binding, method, address, headers, body, patience, most, cuts) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), patience);
  try {
    const answer = await (binding ?? globalThis).fetch(address, {
      method,
      headers: headers ? pairs(headers) : undefined,
      body: body.length ? body.slice() : undefined,
      // A redirect would lead to an unchecked address.
      redirect: "manual",
      signal: abort.signal,
    });
    let lines = `${answer.status}`;
    for (const [name, value] of answer.headers) lines += `\n${name}\n${value}`;
    const bytes = await read(answer, most, cuts);
    return bytes && [lines, bytes];
  } catch (error) {
    if (abort.signal.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    // An unread body would keep the connection open.
    if (cuts) abort.abort();
  }
}

/**
 * An answer's body of at most so many bytes. One in too many chunks counts as too long, as in `message.rs`.
 *
 * @param {Response} answer
 * @param {number} most
 * @param {boolean} cuts
 */
async function read(answer, most, cuts) {
  // In pieces, whatever length is declared: of an answer with `transfer-encoding` too, the
  // declared length says nothing.
  const reader = answer.body?.getReader();
  /** @type {Uint8Array[]} */
  const chunks = [];
  let length = 0;
  let isFragmented = false;
  while (reader && length <= most && !isFragmented) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
    if (cuts && length >= most) break;
    isFragmented = chunks.length > 1024 + length / 1024;
  }
  if (isFragmented || (length > most && !cuts)) {
    await reader?.cancel();
    return null;
  }
  const bytes = new Uint8Array(Math.min(length, most));
  let at = 0;
  for (const chunk of chunks) {
    const rest = chunk.subarray(0, bytes.length - at);
    bytes.set(rest, at);
    at += rest.length;
  }
  return bytes;
}

/**
 * Executes one statement; its rows as JSON, or nothing if it has none.
 *
 * @param {any} sql
 * @param {string} statement
 * @param {string} values as JSON
 */
export function execute(sql, statement, values) {
  const rows = [...sql.exec(statement, ...JSON.parse(values)).raw()];
  return rows.length ? JSON.stringify(rows) : undefined;
}
