//! Refunds, and their queries.

use super::messages::{both_numbers, read, text, without_apps};
use super::*;
use order::RefundState;
use wechatpay::common::prepay::NotifyUrl;
use wechatpay::common::refund::{Channel, FundsSource, OutRefundNo, Status};
use wechatpay::common::{OrderNumber, Problem};
use wechatpay::v3::refund::{self, Amounts, In, Refund};
use wechatpay::v3::{FieldError, refundquery};

pub(super) fn refund_request(
    account: &Account,
    region: Region,
    by: OrderNumber,
) -> refund::Request {
    refund::Request {
        // The mainland reads the signer, and no application.
        merchant: match region {
            Region::Global => account.into(),
            Region::Mainland => without_apps(account),
        },
        by,
        out_refund_no: OutRefundNo::new("R20150806125346").unwrap(),
        amounts: Amounts::new(hkd(5), hkd(888)).unwrap(),
        notify_url: Some(NotifyUrl::new("https://pay.example/notify/v3/demo/refund").unwrap()),
        reason: Some(text("The item has been sold out.")),
        source: Some(FundsSource::Recharge),
    }
}

/// A refund with every field that the region's manual lists for the message.
pub(super) fn refund(message: In, region: Region, status: Status) -> Refund {
    let global = region == Region::Global;
    let brief = global && message == In::Answer;
    let notice = message == In::Notice;
    let linked = !brief && message != In::List;
    Refund {
        refund_id: "50200207182018070300011301001".to_owned(),
        out_refund_no: "R20150806125346".to_owned(),
        transaction_id: linked.then(|| "4200000000002104083200000488".to_owned()),
        out_trade_no: linked.then(|| out_trade_no().to_string()),
        status: (!brief).then_some(status),
        channel: (!brief && !notice).then_some(Channel::Original),
        recv_account: (!brief).then(|| "招商银行信用卡0403".to_owned()),
        fund_source: (!brief).then(|| "REFUND_SOURCE_UNSETTLED_FUNDS".to_owned()),
        create_time_ms: (!notice).then_some(SAMPLE_MS),
        success_time_ms: (!brief && status == Status::Success).then_some(SAMPLE_MS + 1000),
        money: hkd(5),
        total: (!global || notice).then_some(888),
        payer_total: (!global || notice).then_some(754),
        payer_refund: Some(4),
        payer_currency: global.then(|| "CNY".to_owned()),
        rate: global.then_some(84_853_800),
    }
}

#[test]
fn refunds_arrive_as_they_were_sent() {
    for region in REGIONS {
        for account in accounts() {
            for by in both_numbers() {
                let request = refund_request(&account, region, by);
                let sent = request.outgoing(region);
                assert_eq!(read(&sent, refund::Request::read), Ok(request.clone()));

                let answer = refund(In::Answer, region, Status::Processing);
                let body = answer.to_json(In::Answer, region);
                assert_eq!(
                    Refund::read_answer(verified(&body), &request),
                    Ok(answer.clone())
                );
                let refund_id = answer.refund_id.clone();
                assert_eq!(answer.state(), RefundState::Processing { refund_id });
            }
        }
    }
}

#[test]
fn an_answer_about_another_refund_is_a_mismatch() {
    let request = refund_request(
        &direct(),
        Region::Mainland,
        OrderNumber::OutTradeNo(out_trade_no()),
    );
    let good = refund(In::Answer, Region::Mainland, Status::Processing);
    let check = |refund: &Refund| {
        let body = refund.to_json(In::Answer, Region::Mainland);
        Refund::read_answer(verified(&body), &request).unwrap_err()
    };
    let other = Some("other".to_owned());
    for (refund, field) in [
        (
            Refund {
                out_refund_no: "R2".to_owned(),
                ..good.clone()
            },
            "out_refund_no",
        ),
        (
            Refund {
                out_trade_no: other,
                ..good.clone()
            },
            "out_trade_no",
        ),
        (
            Refund {
                money: hkd(6),
                ..good.clone()
            },
            "amount.refund",
        ),
    ] {
        assert_eq!(check(&refund), AnswerError::Mismatched { field });
    }
    let amounts = Amounts::new(hkd(6), hkd(5));
    assert_eq!(
        amounts,
        Err(FieldError::new("amount.refund", Problem::OutOfRange))
    );
    let amounts = Amounts::new(hkd(5), Money::new(5, Currency::Usd).unwrap());
    assert_eq!(
        amounts,
        Err(FieldError::new("amount.currency", Problem::UnknownValue))
    );
}

pub(super) const STATUSES: [Status; 4] = [
    Status::Success,
    Status::RefundClose,
    Status::Processing,
    Status::Change,
];

#[test]
fn refunds_are_looked_up() {
    let out_refund_no = OutRefundNo::new("R20150806125346").unwrap();
    let refund_id = text("50200207182018070300011301001");
    for region in REGIONS {
        for account in accounts() {
            for by in [
                refundquery::Lookup::OutRefundNo(out_refund_no.clone()),
                refundquery::Lookup::RefundId(refund_id.clone()),
            ] {
                let merchant = without_apps(&account);
                let request = refundquery::Request { merchant, by };
                let Ok(sent) = request.outgoing(region) else {
                    assert_eq!(region, Region::Mainland);
                    assert!(matches!(request.by, refundquery::Lookup::RefundId(_)));
                    continue;
                };
                assert_eq!(read(&sent, refundquery::Request::read), Ok(request.clone()));
                for status in STATUSES {
                    let refund = refund(In::Query, region, status);
                    let body = refund.to_json(In::Query, region);
                    let answer = refundquery::read_answer(verified(&body), &request);
                    assert_eq!(answer, Ok(refund));
                }
                let other = Refund {
                    refund_id: "1".to_owned(),
                    out_refund_no: "1".to_owned(),
                    ..refund(In::Query, region, Status::Success)
                };
                let body = other.to_json(In::Query, region);
                let answer = refundquery::read_answer(verified(&body), &request);
                assert!(matches!(answer, Err(AnswerError::Mismatched { .. })));
            }
        }
    }
}

/// R4, and both regions' names for a closed refund.
#[test]
fn a_refunds_status_has_the_regions_name() {
    for (status, global, mainland) in [
        (Status::Success, "SUCCESS", "SUCCESS"),
        (Status::RefundClose, "REFUNDCLOSE", "CLOSED"),
        (Status::Processing, "PROCESSING", "PROCESSING"),
        (Status::Change, "ABNORMAL", "ABNORMAL"),
    ] {
        for (region, name) in [(Region::Global, global), (Region::Mainland, mainland)] {
            let body = parsed(&refund(In::Query, region, status).to_json(In::Query, region));
            assert_eq!(body["status"], name);
        }
    }
    let request = refundquery::Request {
        merchant: without_apps(&direct()),
        by: refundquery::Lookup::OutRefundNo(OutRefundNo::new("R20150806125346").unwrap()),
    };
    let body = refund(In::Query, Region::Global, Status::Change).to_json(In::Query, Region::Global);
    let old = body.replace("ABNORMAL", "CHANGE");
    let read = refundquery::read_answer(verified(&old), &request).unwrap();
    assert_eq!(read.state(), RefundState::Abnormal);
    let both = body.replace("\"id\":", "\"refund_id\":\"x\",\"id\":");
    let other = "id";
    let error = FieldError::new("refund_id", Problem::Contradicts { other });
    let read = refundquery::read_answer(verified(&both), &request);
    assert_eq!(read, Err(error.into()));
}

pub(super) fn page() -> refundquery::Page {
    refundquery::Page {
        transaction_id: "4200000000002104083200000488".to_owned(),
        out_trade_no: out_trade_no().to_string(),
        money: hkd(888),
        payer_total: Some(754),
        payer_currency: Some("CNY".to_owned()),
        refunds: STATUSES
            .iter()
            .map(|status| refund(In::List, Region::Global, *status))
            .collect(),
        total_num: 44,
    }
}

#[test]
fn all_refunds_of_an_order_are_listed() {
    for account in accounts() {
        for by in both_numbers() {
            let request = refundquery::PageRequest {
                merchant: without_apps(&account),
                by,
                offset: 40,
                count: refundquery::Count::new(20).unwrap(),
            };
            let sent = request.outgoing();
            assert_eq!(
                read(&sent, refundquery::PageRequest::read),
                Ok(request.clone())
            );
            let body = page().to_json(&request.merchant);
            assert_eq!(
                refundquery::Page::read(verified(&body), &request),
                Ok(page())
            );
            let other = refundquery::Page {
                transaction_id: "1".to_owned(),
                out_trade_no: "1".to_owned(),
                ..page()
            };
            let body = other.to_json(&request.merchant);
            let read = refundquery::Page::read(verified(&body), &request);
            assert!(matches!(read, Err(AnswerError::Mismatched { .. })));
        }
    }
    for count in [0, -1, 21, i64::MAX] {
        let error = FieldError::new("count", Problem::OutOfRange);
        assert_eq!(refundquery::Count::new(count), Err(error));
    }
}
