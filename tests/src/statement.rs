//! A statement of any length, made in pieces.

/// The n-th piece of a v2 statement of this many hundreds of rows: the header,
/// a hundred rows each, and at the end the totals.
pub fn piece(n: usize, rows: usize) -> String {
    if n == 0 {
        return "\u{FEFF}交易时间,微信订单号,商户订单号,交易状态,货币种类,应结订单金额,商品名称\r\n".to_owned();
    }
    if n > rows / 100 {
        return format!("总交易单数\r\n`{rows}\r\n");
    }
    let row = |at: usize| {
        format!("`2026-01-02 17:07:11,`42{at:026},`N{at},`SUCCESS,`HKD,`17.50,`Two cups of tea\r\n")
    };
    ((n - 1) * 100..n * 100).map(row).collect()
}
