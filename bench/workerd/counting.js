// @ts-check
// The gateway, with its operations of the runtime's RSA counted: `GET /rsa`.

import Gateway, { Book, Registry } from "index.js";

export { Book, Registry };

/** @type {Record<string, number>} */
const counts = { importKey: 0, sign: 0, verify: 0 };

for (const name of /** @type {const} */ (["importKey", "sign", "verify"])) {
  /** @type {any} */
  const prototype = SubtleCrypto.prototype;
  const original = prototype[name];
  prototype[name] = function (/** @type {unknown[]} */ ...of) {
    counts[name] += 1;
    return original.apply(this, of);
  };
}

export default class extends Gateway {
  /** @param {Request} request */
  fetch(request) {
    return new URL(request.url).pathname === "/rsa" ? Response.json(counts) : super.fetch(request);
  }
}
