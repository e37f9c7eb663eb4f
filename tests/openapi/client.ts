// A small client over the types that `openapi-typescript` makes of openapi.json: `cargo xtask test` compiles it, and
// runs nothing of it. What must not compile stands behind `@ts-expect-error`.
import type { components, operations, paths } from 'weceive-api';

type Json<T> = T extends { content: { 'application/json': infer Body } } ? Body : never;
type Body<Name extends keyof operations> = Json<NonNullable<operations[Name]['requestBody']>>;
type Answer<Name extends keyof operations> = Json<operations[Name]['responses'][200 & keyof operations[Name]['responses']]>;
type Failure = components['schemas']['Failure'];

async function call<Name extends keyof operations>(
  path: keyof paths,
  method: string,
  body?: Body<Name>,
): Promise<Answer<Name> | Failure> {
  const answer = await fetch(path, {
    method,
    headers: { 'api-key': 'live_…', 'api-secret': '…', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer.json();
}

export async function sell(): Promise<string> {
  const made = await call<'createCheckout'>('/v1/checkout', 'POST', {
    out_trade_no: 'C1',
    body: 'Oolong',
    total_fee: 8800,
    lines: [{ name: 'Oolong, 50 g', quantity: 2, unit_amount: '4400' }],
    success_url: null,
  });
  if (made.status === 'fail') {
    const code: 'ORDER_EXISTS_WITH_DIFFERENT_TERMS' | Failure['code'] = made.code;
    throw new Error(`${code} ${made.field ?? ''}`);
  }
  return made.data.url;
}

export async function paid(): Promise<number> {
  const list = await call<'listOrders'>('/v1/orders', 'GET');
  if (list.status === 'fail') return 0;
  return list.data.orders.filter((order) => order.state === 'SUCCESS').reduce((sum, order) => sum + order.amount, 0);
}

// @ts-expect-error an order needs a way to be paid
export const incomplete: Body<'createOrder'> = { out_trade_no: '1', body: 'Tea', total_fee: 1 };

// @ts-expect-error no such trade type
export const unknown: Body<'createOrder'>['trade_type'] = 'MICROPAY';

// @ts-expect-error no such code
export const code: Failure['code'] = 'NO_SUCH_CODE';

// @ts-expect-error no such address
export const nowhere: keyof paths = '/v1/nothing';
