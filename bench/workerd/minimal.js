// @ts-check
// The least that a Worker must do to make an order: JSON in, one call to an
// object, one request to WeChat, one row, JSON out. It checks nothing, signs
// nothing and sets no timer.

import { DurableObject } from "cloudflare:workers";

/** @typedef {{ ORDERS: DurableObjectNamespace, WECHATPAY: Fetcher }} Environment */

export class Orders extends DurableObject {
  /**
   * @param {DurableObjectState} state
   * @param {Environment} env
   */
  constructor(state, env) {
    super(state, env);
    this.wechatpay = env.WECHATPAY;
    this.sql = state.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS orders(out_trade_no TEXT PRIMARY KEY, json TEXT NOT NULL)");
  }

  /** @param {Request} request */
  async fetch(request) {
    const json = await request.text();
    const { out_trade_no } = JSON.parse(json);
    const answer = await this.wechatpay.fetch("https://api.mch.weixin.qq.com/pay/unifiedorder", {
      method: "POST",
      body: json,
    });
    const prepaid = await answer.text();
    // The load at a fixed rate may repeat a number.
    this.sql.exec("INSERT OR IGNORE INTO orders(out_trade_no, json) VALUES(?, ?)", out_trade_no, json);
    return Response.json({ status: "success", data: { out_trade_no, prepaid } });
  }
}

export default {
  /**
   * @param {Request} request
   * @param {Environment} env
   */
  async fetch(request, env) {
    const order = await request.json();
    const object = env.ORDERS.getByName("orders");
    return object.fetch("https://object.invalid/", { method: "POST", body: JSON.stringify(order) });
  },
};
