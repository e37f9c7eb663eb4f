// @ts-check
// WeChat and the merchants, as fast as possible: every order is answered with
// the same signed prepayment, and every delivery is acknowledged.
//
// The prepayment of v2 is a constant. That of APIv3 is signed here, once for
// all orders: its signature is valid for five minutes, and no turn takes so
// long. `POST /sign` makes the notices of many orders before they are needed.

import PRIVATE_KEY from "public_key.key.pem";

/** @typedef {{ PREPAID: string, PUBLIC_KEY_ID: string, APIV3_KEY: string }} Environment */

const ACKNOWLEDGED =
  "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

const PREPAID_V3 = JSON.stringify({ prepay_id: "wx2018032814031291ad3ec6a30612345678" });

const utf8 = new TextEncoder();

/** @param {ArrayBuffer | Uint8Array} bytes */
function base64(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}

const signer = crypto.subtle.importKey(
  "pkcs8",
  Uint8Array.from(atob(PRIVATE_KEY.replace(/-----.*-----|\s/g, "")), (character) => character.charCodeAt(0)),
  { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  false,
  ["sign"],
);

/**
 * The headers that authenticate a body.
 *
 * @param {string} body
 * @param {Environment} env
 */
async function signature(body, env) {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const nonce = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
  const message = utf8.encode(`${timestamp}\n${nonce}\n${body}\n`);
  const signed = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", await signer, message);
  return {
    "content-type": "application/json",
    "wechatpay-timestamp": timestamp,
    "wechatpay-nonce": nonce,
    "wechatpay-serial": env.PUBLIC_KEY_ID,
    "wechatpay-signature": base64(signed),
  };
}

/**
 * A notice about a payment: encrypted, and signed.
 *
 * @param {object} transaction
 * @param {CryptoKey} key
 * @param {Environment} env
 */
async function notice(transaction, key, env) {
  const nonce = "fdasfsadsadf";
  const algorithm = { name: "AES-GCM", iv: utf8.encode(nonce), additionalData: utf8.encode("transaction") };
  const ciphertext = await crypto.subtle.encrypt(algorithm, key, utf8.encode(JSON.stringify(transaction)));
  const body = JSON.stringify({
    id: "EV-2018022511223320873",
    create_time: new Date().toISOString().replace(/\.\d+Z/, "+00:00"),
    resource_type: "encrypt-resource",
    event_type: "TRANSACTION.SUCCESS",
    summary: "Payment successful",
    resource: {
      original_type: "transaction",
      algorithm: "AEAD_AES_256_GCM",
      ciphertext: base64(ciphertext),
      associated_data: "transaction",
      nonce,
    },
  });
  return { headers: await signature(body, env), body };
}

/** @type {Promise<Record<string, string>> | undefined} */
let prepaidHeaders;
/** The number of signed requests of APIv3 received, and of signed answers sent: `GET /counts`. */
/** How many signed requests of APIv3 came, and how many signed answers left: `GET /counts`. */
const counts = { asked: 0, answered: 0 };

export default {
  /**
   * @param {Request} request
   * @param {Environment} env
   */
  async fetch(request, env) {
    const body = await request.text();
    const { pathname } = new URL(request.url);
    if (pathname === "/counts") {
      return Response.json(counts);
    }
    if (request.headers.has("authorization")) {
      counts.asked += 1;
    }
    if (pathname === "/v3/global/transactions/jsapi") {
      counts.answered += 1;
      prepaidHeaders ??= signature(PREPAID_V3, env);
      return new Response(PREPAID_V3, { headers: await prepaidHeaders });
    }
    if (pathname === "/v3/global/certificates") {
      // The merchant uses WeChat Pay's public key.
      return new Response(null, { status: 404 });
    }
    if (pathname === "/sign") {
      const key = await crypto.subtle.importKey("raw", utf8.encode(env.APIV3_KEY), "AES-GCM", false, ["encrypt"]);
      const transactions = /** @type {object[]} */ (JSON.parse(body));
      return Response.json(await Promise.all(transactions.map((each) => notice(each, key, env))));
    }
    return new Response(pathname === "/pay/unifiedorder" ? env.PREPAID : ACKNOWLEDGED);
  },
};
