//! Each message that this crate writes, in either direction, is compared with
//! the field lists of `tests/documented/`.

#[path = "../../documented/check.rs"]
mod check;

use super::messages::{
    TRADE_TYPES, both_numbers, prepay, query_answer, quick_pay, states, without_apps,
};
use super::refunds::{STATUSES, page, refund, refund_request};
use super::statements::{settlement_answer, settlement_request};
use super::*;
use wechatpay::common::Date;
use wechatpay::common::refund::{OutRefundNo, Status};
use wechatpay::common::settlement::UseTag;
use wechatpay::v3::refund::In;
use wechatpay::v3::{bill, certificates, close, echo, query, refundquery, reverse};

fn institution_of(account: &Account) -> bool {
    account.sub_mch_id.is_some()
}

/// A request with the fields of the lists. Returns the operation.
fn check_request(account: &Account, request: &Outgoing) -> String {
    let Outgoing {
        method,
        path_and_query,
        body,
    } = request;
    check::request(institution_of(account), method, path_and_query, body)
}

fn check_answer(account: &Account, operation: &str, body: &str) {
    check::answer(institution_of(account), operation, body);
}

#[test]
fn prepayments_have_the_documented_fields() {
    for region in REGIONS {
        for account in accounts() {
            for trade_type in TRADE_TYPES {
                let request = prepay(&account, trade_type, region).outgoing(region);
                let operation = check_request(&account, &request);
                let text = || "https://wx.tenpay.com/x".to_owned();
                let answer = match trade_type {
                    TradeType::Native => wechatpay::v3::prepay::Answer::CodeUrl(text()),
                    TradeType::Mweb => wechatpay::v3::prepay::Answer::MwebUrl(text()),
                    _ => wechatpay::v3::prepay::Answer::PrepayId(text()),
                };
                check_answer(&account, &operation, &answer.to_json(region));
            }
        }
    }
}

#[test]
fn quick_pays_and_queries_have_the_documented_fields() {
    for region in REGIONS {
        for account in accounts() {
            let [paid, ..] = states(&account, TradeType::Micropay);
            let body = query_answer(paid).to_json(&account, region);
            let operation = check_request(&account, &quick_pay(&account, region).outgoing(region));
            check_answer(&account, &operation, &body);
            for by in both_numbers() {
                let merchant = without_apps(&account);
                let request = query::Request { merchant, by };
                let operation = check_request(&account, &request.outgoing(region));
                check_answer(&account, &operation, &body);
            }
        }
    }
}

#[test]
fn closes_and_reverses_have_the_documented_fields() {
    for region in REGIONS {
        for account in accounts() {
            for by in both_numbers() {
                let close = close::Request {
                    merchant: (&account).into(),
                    by: by.clone(),
                };
                let reverse = reverse::Request {
                    merchant: (&account).into(),
                    by,
                };
                for request in [close.outgoing(region), reverse.outgoing(region)] {
                    let Ok(request) = request else {
                        continue;
                    };
                    let operation = check_request(&account, &request);
                    if check::documented()[&operation]["status"] != 204 {
                        let number = out_trade_no();
                        let body = reverse::answer_json(&reverse.merchant, number.as_str());
                        check_answer(&account, &operation, &body);
                    }
                }
            }
        }
    }
}

#[test]
fn refunds_and_their_queries_have_the_documented_fields() {
    for region in REGIONS {
        for account in accounts() {
            for by in both_numbers() {
                let request = refund_request(&account, region, by.clone()).outgoing(region);
                let operation = check_request(&account, &request);
                let body = refund(In::Answer, region, Status::Processing);
                check_answer(&account, &operation, &body.to_json(In::Answer, region));

                let listing = refundquery::PageRequest {
                    merchant: without_apps(&account),
                    by,
                    offset: 0,
                    count: refundquery::Count::new(20).unwrap(),
                };
                let operation = check_request(&account, &listing.outgoing());
                check_answer(&account, &operation, &page().to_json(&listing.merchant));
            }
            let one = refundquery::Request {
                merchant: without_apps(&account),
                by: refundquery::Lookup::OutRefundNo(OutRefundNo::new("R1").unwrap()),
            };
            let operation = check_request(&account, &one.outgoing(region).unwrap());
            for status in STATUSES {
                let body = refund(In::Query, region, status);
                check_answer(&account, &operation, &body.to_json(In::Query, region));
            }
            let one = refundquery::Request {
                by: refundquery::Lookup::RefundId(
                    wechatpay::common::Text::new("", "5020").unwrap(),
                ),
                ..one
            };
            if let Ok(request) = one.outgoing(region) {
                check_request(&account, &request);
            }
        }
    }
}

#[test]
fn statements_settlements_and_certificates_have_the_documented_fields() {
    for region in REGIONS {
        for account in accounts() {
            let statement = bill::Request {
                merchant: without_apps(&account),
                date: Date::parse("20220401").unwrap(),
            };
            let operation = check_request(&account, &statement.outgoing(region));
            if region == Region::Mainland {
                let link = bill::Link {
                    hash_value: bill::sha1_hex(b""),
                    download_url: "https://api.mch.weixin.qq.com/x".to_owned(),
                };
                check_answer(&account, &operation, &link.to_json());
            }
            for state in UseTag::ALL {
                let request = settlement_request(&account, state);
                let operation = check_request(&account, &request.outgoing());
                check_answer(&account, &operation, &settlement_answer().to_json(&request));
            }
            let operation = check_request(&account, &certificates::request(region));
            let list = [platform_certificate()];
            let body = certificates::to_json(&list, &[NONCE_12.to_owned()], &api_v3_key());
            check_answer(&account, &operation, &body.unwrap());

            let request = echo::Request {
                echo_message: wechatpay::common::Text::new("", "x").unwrap(),
                notify_url: None,
            };
            let operation = check_request(&account, &request.outgoing());
            check_answer(&account, &operation, &echo::answer_json(&request));
        }
    }
}
