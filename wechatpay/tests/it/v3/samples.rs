//! `tests/samples_v3.txt`: the examples of the WeChat Pay APIv3 Global manual.
//! Requests are read, and written again with exactly their fields.

use super::*;
use std::collections::BTreeSet;
use wechatpay::common::OrderNumber;
use wechatpay::common::refund::{FundsSource, Status};
use wechatpay::v3::notify::{Envelope, Event};
use wechatpay::v3::{bill, certificates, micropay, query, refund, refund_notify};
use wechatpay::v3::{refundquery, reverse, settlement};

/// The text under a heading.
fn sample(heading: &str) -> &'static str {
    include_str!("../../samples_v3.txt")
        .split("=== ")
        .find_map(|sample| sample.strip_prefix(heading)?.strip_prefix('\n'))
        .unwrap()
        .trim_end()
}

fn request(heading: &str) -> Outgoing {
    let (head, body) = sample(heading)
        .split_once('\n')
        .unwrap_or((sample(heading), ""));
    let (method, target) = head.split_once(' ').unwrap();
    Outgoing {
        method: if method == "GET" { "GET" } else { "POST" },
        path_and_query: target.to_owned(),
        body: body.to_owned(),
    }
}

/// Asserts that two requests are equal, except for the order of the query's
/// parameters and of the body's fields.
fn same(written: &Outgoing, sample: &Outgoing) {
    let parts = |request: &Outgoing| {
        let target = request.path_and_query.clone();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query: BTreeSet<String> = query.split('&').map(str::to_owned).collect();
        (request.method, path.to_owned(), query)
    };
    assert_eq!(parts(written), parts(sample));
    assert_eq!(written.body.is_empty(), sample.body.is_empty());
    if !sample.body.is_empty() {
        assert_eq!(parsed(&written.body), parsed(&sample.body));
    }
}

#[test]
fn the_quick_pay_samples_round_trip() {
    let sample = request("micropay");
    let read = micropay::Request::read(&arrived(&sample, "10000100")).unwrap();
    assert_eq!(read.account.mch_id, "10000100");
    assert_eq!(read.account.sub_mch_id.as_deref(), Some("20000100"));
    assert_eq!(read.money, hkd(1));
    let scene = read.scene_info.clone().unwrap();
    assert_eq!(scene.operator_id.unwrap().as_str(), "P001");
    same(&read.outgoing(Region::Global), &sample);
}

#[test]
fn the_query_samples_round_trip() {
    let sample = request("query");
    let read = query::Request::read(&arrived(&sample, "1900000000")).unwrap();
    assert!(
        matches!(&read.by, OrderNumber::TransactionId(id) if id.as_str() == "4200123456789000")
    );
    assert_eq!(read.merchant.mch_id, "1900000000");
    assert_eq!(read.merchant.sub_mch_id.as_deref(), Some("100012321"));
    same(&read.outgoing(Region::Global), &sample);
}

#[test]
fn the_refund_samples_round_trip() {
    let sample = request("refund");
    let read = refund::Request::read(&arrived(&sample, "10000100")).unwrap();
    assert_eq!(read.amounts.refund(), hkd(5));
    assert_eq!(read.amounts.total(), hkd(10));
    assert_eq!(read.source, Some(FundsSource::Unsettled));
    same(&read.outgoing(Region::Global), &sample);

    let sample = request("refundquery");
    let read = refundquery::Request::read(&arrived(&sample, "1900000000")).unwrap();
    assert!(matches!(&read.by, refundquery::Lookup::OutRefundNo(no) if no.as_str() == "RYX001"));
    same(&read.outgoing(Region::Global).unwrap(), &sample);

    let sample = request("refunds");
    let read = refundquery::PageRequest::read(&arrived(&sample, "1900000000")).unwrap();
    assert_eq!((read.offset, read.count.get()), (0, 10));
    same(&read.outgoing(), &sample);
}

#[test]
fn the_samples_of_other_calls_round_trip() {
    let sample = request("bill");
    let read = bill::Request::read(&arrived(&sample, "1900000000")).unwrap();
    assert_eq!(read.date.to_string(), "20220401");
    same(&read.outgoing(Region::Global), &sample);

    let sample = request("reverse");
    let read = reverse::Request::read(&arrived(&sample, "10000100")).unwrap();
    assert!(matches!(&read.by, OrderNumber::OutTradeNo(no) if no.as_str() == "YX001"));
    same(&read.outgoing(Region::Global).unwrap(), &sample);

    same(
        &certificates::request(Region::Global),
        &request("certificates"),
    );

    let sample = request("settlement");
    let read = settlement::Request::read(&arrived(&sample, "1900000000")).unwrap();
    assert_eq!(
        read.settle_state,
        wechatpay::common::settlement::UseTag::Settled
    );
    assert_eq!((read.offset, read.limit.get()), (10, 5));
    same(&read.outgoing(), &sample);
}

/// The sample's ciphertext is three dots, so the sample's resource is encrypted
/// instead.
#[test]
fn the_refund_notice_sample_reads() {
    let resource = sample("refund_notify resource");
    let sealed = wechatpay::v3::gcm::Sealed::seal(resource.as_bytes(), NONCE_12, "", &api_v3_key());
    let mut envelope = parsed(sample("refund_notify envelope"));
    let sealed = sealed.unwrap();
    envelope["resource"]["ciphertext"] = sealed.ciphertext.clone().into();
    envelope["resource"]["nonce"] = sealed.nonce.clone().into();
    let body = envelope.to_string();

    let read = Envelope::read(verified(&body)).unwrap();
    assert_eq!(read.event, Event::RefundSuccess);
    assert_eq!(read.create_time_ms, Some(SAMPLE_MS));
    assert_eq!(parsed(&read.to_json()), envelope);

    let notice = refund_notify::Notice::read(verified(&body), &api_v3_key()).unwrap();
    let refund = &notice.refund;
    assert_eq!(notice.merchant.mch_id, "1900000100");
    assert_eq!(refund.status, Some(Status::Success));
    assert_eq!(refund.success_time_ms, Some(SAMPLE_MS));
    assert_eq!(refund.rate, Some(100_000_000));
    assert_eq!(refund.money, hkd(528_800));

    let again = notice.seal(Region::Global, SAMPLE_MS, NONCE_12, &api_v3_key());
    let again = again
        .unwrap()
        .unwrap()
        .resource
        .open(&api_v3_key())
        .unwrap();
    let again = String::from_utf8(again).unwrap();
    assert_eq!(parsed(&again), parsed(resource));
}

#[test]
fn the_schedule_of_notices_is_the_manuals() {
    let total: u32 = wechatpay::v3::notify::RETRY_SECONDS.iter().sum();
    assert_eq!(total, 24 * 3600 + 4 * 60);
    for (status, expect) in [
        (200, true),
        (204, true),
        (201, false),
        (302, false),
        (500, false),
    ] {
        assert_eq!(wechatpay::v3::notify::is_ack(status), expect, "{status}");
    }
}
