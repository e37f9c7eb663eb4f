// @ts-check
// WeChat and the merchants, as quick as they can be: every unified order is answered with the same signed
// prepayment, and every delivery is acknowledged.

const ACKNOWLEDGED =
  "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

export default {
  /**
   * @param {Request} request
   * @param {{ PREPAID: string }} env
   */
  async fetch(request, env) {
    await request.arrayBuffer();
    return new Response(request.url.endsWith("/pay/unifiedorder") ? env.PREPAID : ACKNOWLEDGED);
  },
};
