//! `tests/samples.txt`: the XML examples of the WeChat Pay v2 manual. They can
//! be parsed, and the messages among them read. The keys that they were signed
//! with are not published.

use crate::{direct, key};
use order::{Currency, RefundState, TradeState, TradeType};
use wechatpay::common::prepay::Payer;
use wechatpay::common::{Date, Fields, OrderNumber, SignType, Text};
use wechatpay::v2::notify::{Notice, is_ack};
use wechatpay::v2::prepay::{self, Trade, Warning};
use wechatpay::v2::{bill, exchange, micropay, refund, refundquery, reverse, settlement};
use wechatpay::v2::{close, query};

/// The sample under a heading that begins with the section number.
fn sample(section: &str) -> Fields {
    let (_, fields) = samples()
        .into_iter()
        .find(|(name, _)| name.split(' ').next() == Some(section))
        .unwrap();
    fields
}

fn samples() -> Vec<(&'static str, Fields)> {
    include_str!("../samples.txt")
        .split("=== ")
        .skip(1)
        .map(|sample| {
            let (name, xml) = sample.split_once('\n').unwrap();
            let fields = Fields::parse(xml.trim_end().as_bytes());
            (name, fields.unwrap_or_else(|e| panic!("{name}: {e}")))
        })
        .collect()
}

/// The sample, signed with the tests' key.
fn resigned(section: &str) -> Vec<u8> {
    sample(section)
        .sealed(&key(), SignType::Md5)
        .to_xml()
        .into_bytes()
}

#[test]
fn every_sample_parses_and_is_written_back() {
    let samples = samples();
    assert_eq!(samples.len(), 21);
    for (name, fields) in samples {
        assert!(fields.len() >= 2, "{name}");
        assert_eq!(
            Fields::parse(fields.to_xml().as_bytes()),
            Ok(fields),
            "{name}"
        );
    }
}

/// WeChat Pay v2 manual, section 4.3.1: the only sample whose key is published.
#[test]
fn the_signature_sample_verifies() {
    let fields = sample("4.3.1");
    assert_eq!(fields.verify(&key(), SignType::Md5), Ok(()));
    assert_eq!(
        fields.signing_text(),
        "appid=wxd930ea5d5a258f4f&body=test&device_info=1000&mch_id=10000100&nonce_str=ibuaiVcKdpRxkhJA"
    );
}

#[test]
fn the_unified_order_sample_reads() {
    let request = prepay::Request::read(&sample("9.1.4")).unwrap();
    assert_eq!(request.account, direct());
    assert_eq!(request.body.as_str(), "JSAPI Payment Testing");
    assert_eq!(request.money.currency().code(), "CNY", "the default");
    assert_eq!(request.sign_type, SignType::Md5);
    assert_eq!(request.warnings(), [Warning::NotifyUrlIsNotHttps]);
    let payer = Payer::of(&direct(), "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap();
    assert_eq!(request.trade, Trade::Jsapi(payer));

    let answer = prepay::Answer::read(&resigned("9.1.5"), &request, &key()).unwrap();
    assert_eq!(answer.prepay_id, "wx201411101639507cbf6ff3d8b0779950874");
    assert_eq!(answer.trade_type, TradeType::Jsapi);
}

#[test]
fn the_query_sample_reads() {
    let request = query::Request::read(&sample("9.2.4")).unwrap();
    let id = Text::new("transaction_id", "1008450740201411110005820873").unwrap();
    assert_eq!(request.by, OrderNumber::TransactionId(id));

    // 9.2.5 marks cash_fee and rate as required, and its sample has neither.
    let answer = query::Answer::read(&resigned("9.2.5"), &request, &key()).unwrap();
    let TradeState::Success(payment) = answer.state else {
        panic!("{answer:?}");
    };
    assert_eq!(payment.trade_type, TradeType::Micropay);
    assert_eq!(payment.money.amount_minor(), 1);
    assert_eq!(payment.cash_fee, None);
    assert_eq!(payment.time_end, "20141111170043");
    assert_eq!(answer.device_info.as_deref(), Some("1000"));
}

#[test]
fn the_close_sample_reads() {
    let request = close::Request::read(&sample("9.3.4")).unwrap();
    assert_eq!(request.out_trade_no.as_str(), "1415983244");
    close::Answer::read(&resigned("9.3.5"), &request, &key()).unwrap();
}

#[test]
fn the_notice_sample_reads() {
    let notice = Notice::read(&resigned("9.7.4"), &key(), SignType::Md5).unwrap();
    assert_eq!(notice.payment.out_trade_no, "1409811653");
    // It repeats mch_id as sub_mch_id, although the merchant is a direct one.
    assert_eq!(notice.payment.account, direct());
    assert!(is_ack(sample("9.7.5").to_xml().as_bytes()));
}

#[test]
fn the_quick_pay_sample_reads() {
    let request = micropay::Request::read(&sample("5.5.4")).unwrap();
    assert_eq!(request.auth_code.expose(), "120269300684844649");
    assert_eq!(request.goods_tag, None, "an empty field is none");

    let answer = micropay::Answer::read(&resigned("5.5.5"), &request, &key()).unwrap();
    assert_eq!(answer.payment.account, direct());
    assert_eq!(answer.payment.time_end, "20141111170043");
}

#[test]
fn the_reverse_sample_reads() {
    let request = reverse::Request::read(&sample("5.9.4")).unwrap();
    let answer = reverse::Answer::read(&resigned("5.9.5"), &request, &key());
    assert_eq!(answer, Ok(reverse::Answer { recall: false }));
}

#[test]
fn the_refund_sample_reads() {
    let request = refund::Request::read(&sample("9.4.4")).unwrap();
    assert_eq!(request.amounts.refund_fee(), 1);
    assert_eq!(request.amounts.refund_fee_type(), None);

    // 9.4.5 marks total_fee and cash_fee as required, and its sample has
    // neither.
    let answer = refund::Answer::read(&resigned("9.4.5"), &request, &key()).unwrap();
    assert_eq!(answer.total_fee, None);
    assert_eq!(answer.coupon_refund_fee, Some(0));
    let refund_id = "2008450740201411110000174436".to_owned();
    assert_eq!(answer.state(), RefundState::Processing { refund_id });
}

#[test]
fn the_refund_query_sample_reads() {
    let request = refundquery::Request::read(&sample("9.5.4")).unwrap();
    assert!(matches!(request.by, refundquery::Lookup::OutTradeNo(_)));
    let answer = refundquery::Answer::read(&resigned("9.5.5"), &request, &key()).unwrap();
    let refund = answer.find("1415701182").unwrap();
    let refund_id = "2008450740201411110000174436".to_owned();
    assert_eq!(refund.state(), RefundState::Processing { refund_id });
}

#[test]
fn the_statement_sample_reads() {
    let request = bill::Request::read(&sample("9.6.4")).unwrap();
    assert_eq!(request.bill_date, Date::parse("20141110").unwrap());
    assert_eq!(request.bill_type, wechatpay::common::bill::BillType::All);
    assert!(!request.gzip);
}

#[test]
fn the_settlement_sample_reads() {
    let day = Date::parse("20150807").unwrap();
    let request = settlement::Request {
        account: direct(),
        usetag: wechatpay::common::settlement::UseTag::Settled,
        offset: 0,
        limit: wechatpay::common::settlement::Limit::new(10).unwrap(),
        dates: Some((day, day)),
        nonce_str: Text::new("nonce_str", "n").unwrap(),
        sign_type: SignType::Md5,
    };
    // It states ten records, and has one.
    let answer = settlement::Answer::read(&resigned("10.5"), &request, &key()).unwrap();
    assert!(answer.signed);
    let [record] = &answer.records[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(record.settlementfee_type, Currency::Usd);
    assert_eq!(record.settlement_fee, 1000);
    assert_eq!(record.date_settlement, Some(day));
}

#[test]
fn the_exchange_rate_sample_reads() {
    // The sample requests CNY and the answer is about USD; and the answer has
    // no return_code, which its table requires.
    let mut request = exchange::Request::read(&sample("11.4")).unwrap();
    assert_eq!(request.fee_type, Currency::Cny);
    request.fee_type = Currency::Usd;
    let mut fields = sample("11.5");
    fields.push("return_code", "SUCCESS");
    let bytes = fields.sealed(&key(), SignType::Md5).to_xml();
    let answer = exchange::Answer::read(bytes.as_bytes(), &request, &key()).unwrap();
    assert_eq!(answer.rate_e8, 650_000_000);
    assert_eq!(answer.rate_time, request.date);
}
