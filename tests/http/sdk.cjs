// @ts-nocheck
// An independent SDK of WeChat Pay, `wechatpay-axios-plugin`, makes payments in the sandbox: its address is all that is
// changed. The arguments are the sandbox's origin and a number that no other run uses. The SDK verifies each answer.
const assert = require("node:assert/strict");
const http = require("node:http");
const { Aes, Formatter, Hash, Rsa, Transformer, Wechatpay } = require("wechatpay-axios-plugin");

const [sandbox, run] = process.argv.slice(2);
const MCH_ID = "1900000109";

/** The sandbox's own calls, for what a person does. */
async function control(path, body) {
  const answer = await fetch(sandbox + path, {
    method: body ? "POST" : "GET",
    headers: { "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return answer.json();
}

/** A merchant's server: the first notice that it receives. */
function receiver(acknowledgement) {
  let received;
  const notice = new Promise((resolve) => (received = resolve));
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    response.end(acknowledgement);
    received({ headers: request.headers, body });
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({ url: `http://127.0.0.1:${server.address().port}/notify`, notice, close: () => server.close() }),
    ),
  );
}

async function v3(wxpay, account, certs) {
  const shop = await receiver("");
  const out_trade_no = `SDK3${run}`;
  const pay = wxpay.v3.pay.transactions;
  const order = {
    appid: account.appid,
    mchid: MCH_ID,
    description: "Tea",
    out_trade_no,
    notify_url: shop.url,
    amount: { total: 150, currency: "CNY" },
  };
  const made = await pay.native.post(order);
  assert.ok(made.data.code_url, "an order is made");
  const find = () => pay.outTradeNo.$out_trade_no$.get({ params: { mchid: MCH_ID }, out_trade_no });
  assert.equal((await find()).data.trade_state, "NOTPAY");
  const paid = await control("/sandbox/scan", { code_url: made.data.code_url, payer: "alice", action: "pay" });
  assert.equal(paid.ok, true);
  assert.equal((await find()).data.trade_state, "SUCCESS");

  const { headers, body } = await shop.notice;
  const text = Formatter.response(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], body);
  const key = certs[headers["wechatpay-serial"]];
  assert.ok(Rsa.verify(text, headers["wechatpay-signature"], key), "the notice is WeChat's");
  const { ciphertext, nonce, associated_data } = JSON.parse(body).resource;
  const told = JSON.parse(Aes.AesGcm.decrypt(ciphertext, account.v3.apiv3_key, nonce, associated_data));
  assert.equal(told.out_trade_no, out_trade_no);
  shop.close();

  const refund = { out_trade_no, out_refund_no: `${out_trade_no}R`, amount: { refund: 50, total: 150, currency: "CNY" } };
  const refunded = await wxpay.v3.refund.domestic.refunds.post(refund);
  assert.equal(refunded.data.out_refund_no, refund.out_refund_no);
  const again = { ...order, amount: { total: 151, currency: "CNY" } };
  const refused = await pay.native.post(again).then(
    () => assert.fail("an order that is paid"),
    (error) => error.response,
  );
  assert.ok(refused.status >= 400 && refused.data.code, JSON.stringify(refused.data));

  const other = `${out_trade_no}X`;
  await pay.native.post({ ...order, out_trade_no: other });
  const close = { mchid: MCH_ID };
  const closed = await pay.outTradeNo.$out_trade_no$.close.post(close, { out_trade_no: other });
  assert.equal(closed.status, 204);
}

async function v2(wxpay, account) {
  const shop = await receiver(Transformer.toXml({ return_code: "SUCCESS", return_msg: "OK" }));
  const out_trade_no = `SDK2${run}`;
  const common = { appid: account.appid, mch_id: MCH_ID, nonce_str: Formatter.nonce() };
  const made = await wxpay.v2.pay.unifiedorder.post({
    ...common,
    body: "Tea",
    out_trade_no,
    total_fee: 150,
    fee_type: "HKD",
    spbill_create_ip: "203.0.113.7",
    notify_url: shop.url,
    trade_type: "NATIVE",
    version: "1.0",
    product_id: "tea",
  });
  assert.equal(made.data.result_code, "SUCCESS", JSON.stringify(made.data));
  const paid = await control("/sandbox/scan", { code_url: made.data.code_url, payer: "alice", action: "pay" });
  assert.equal(paid.ok, true);
  const found = await wxpay.v2.pay.orderquery.post({ ...common, out_trade_no });
  assert.equal(found.data.trade_state, "SUCCESS", JSON.stringify(found.data));
  const { sign, ...fields } = Transformer.toObject((await shop.notice).body);
  assert.equal(fields.out_trade_no, out_trade_no);
  assert.equal(sign, Hash.sign("MD5", fields, account.key));
  shop.close();
}

async function main() {
  const { merchants } = await control("/sandbox/merchants");
  const account = merchants.find(({ mch_id }) => mch_id === MCH_ID);
  const { private_key, serial_no, platform } = account.v3;
  const certs = { [platform.public_key_id]: platform.public_key };
  for (const { serial_no, certificate } of platform.certificates) certs[serial_no] = certificate;
  const wxpay = new Wechatpay({
    mchid: MCH_ID,
    serial: serial_no,
    privateKey: private_key,
    certs,
    secret: account.key,
    baseURL: `${sandbox}/`,
  });
  await v3(wxpay, account, certs);
  await v2(wxpay, account);
}

main().catch((error) => {
  console.error(error.response?.data ?? error);
  process.exit(1);
});
