//! The names under which payments and refunds are read.

/// The fields that are used of a payment, of refunds and of the envelope around
/// them, except `attach`: it is the merchant's own text, and the order compares
/// it with its own value.
pub(crate) const USED_FIELDS: [&str; 29] = [
    "appid",
    "bank_type",
    "cash_fee",
    "cash_fee_type",
    "fee_type",
    "is_subscribe",
    "mch_id",
    "nonce_str",
    "openid",
    "out_refund_no",
    "out_trade_no",
    "rate",
    "refund_count",
    "refund_fee",
    "refund_id",
    "refund_status",
    "result_code",
    "return_code",
    "sign_type",
    "sub_appid",
    "sub_is_subscribe",
    "sub_mch_id",
    "sub_openid",
    "time_end",
    "total_fee",
    "total_refund_count",
    "trade_state",
    "trade_type",
    "transaction_id",
];
