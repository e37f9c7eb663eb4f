//! The gateway killed under load, flooded, and sent invalid HTTP. Nothing is
//! lost, nothing is doubled, and no other caller is delayed.

use super::notice;
use crate::LIVE;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testkit::demo::{Kind, MERCHANTS};
use tests::crash::{self, Options};
use tests::faulty_proxy::{Fault, callers_that_hung_up, faulty_merchant};
use tests::live::{KEY, Live, PATIENCE, Receiver, Shop, send, wait_for};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};

#[test]
fn crashes_under_load_lose_and_double_nothing() {
    // `cargo xtask crash` takes longer.
    let options = Options {
        seed: 1,
        seconds: 15,
    };
    match crash::run("crash", options) {
        Ok(total) => {
            assert!(total.crashes >= 2 && total.paid >= 10, "{total}");
            // Each kind of client's action was done, and in each dialect.
            let [refunds, quick_pays] = [total.refunds, total.quick_pays];
            assert!(refunds >= 2 && quick_pays >= 2, "{total}");
            assert!(total.closed >= 2, "{total}");
            assert!(total.paid_in.iter().all(|paid| *paid >= 2), "{total}");
        }
        Err(broken) => panic!("seed {}:\n{}", options.seed, broken.join("\n")),
    }
}

/// `order` under this number; status, code and data.
fn order(shop: &Shop, number: &str, notify_url: Option<&str>) -> (u16, Value) {
    let body = json!({"out_trade_no": number, "body": "Demo Order", "total_fee": "150",
                      "trade_type": "NATIVE", "notify_url": notify_url});
    let answer = shop.call("POST", "/v1/order", body.to_string());
    (answer.status, answer.json())
}

#[test]
fn each_fault_of_wechats_answer_is_named_and_delays_no_caller() {
    let live = Live::apart("corrupted");
    let of = |id: &str| {
        let kind = *MERCHANTS.iter().find(|kind| kind.id == id).unwrap();
        live.shop_of(kind, &json!({})).0
    };
    let shops = [of("demo"), of("lantern-v3"), of("night-ionline")];
    let (hung, quick) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        for shop in &shops {
            for fault in Fault::ALL {
                let (hung, quick) = (&hung, &quick);
                scope.spawn(move || {
                    let number = format!("{}-{}9", shop.id, fault.word());
                    hung.fetch_or(fault == Fault::Hang, Ordering::SeqCst);
                    let (status, answer) = order(shop, &number, None);
                    let code = answer["code"].as_str().unwrap_or_default();
                    assert!(
                        (502..=504).contains(&status) && code.starts_with("UPSTREAM_"),
                        "{number}: {status} {answer}"
                    );
                    if fault == Fault::Hang {
                        assert!(
                            quick.load(Ordering::SeqCst),
                            "{number}: others waited for it"
                        );
                    }
                    let path = format!("/v1/order?out_trade_no={number}");
                    assert_eq!(shop.call("GET", &path, "").status, 404, "{number}");
                });
            }
        }
        wait_for("a call that hangs", || {
            hung.load(Ordering::SeqCst).then_some(())
        });
        for shop in &shops {
            let number = format!("{}-quick", shop.id);
            let (status, answer) = order(shop, &number, None);
            assert_eq!(status, 200, "{answer}");
        }
        quick.store(true, Ordering::SeqCst);
    });
    // WeChat is reached through a binding, and a call through a binding is
    // aborted at its time-out like any other: the connection is closed.
    wait_for("the Worker to abort each call that hangs", || {
        (callers_that_hung_up() >= shops.len()).then_some(())
    });
    // The same orders again, after the faults: they succeed. WeChat's other
    // hosts are tried first, so each has had enough faults.
    for shop in &shops {
        for fault in [Fault::Lost, Fault::Cut] {
            let number = format!("{}-again-{}1", shop.id, fault.word());
            let made = (0..3).find_map(|_| {
                let (status, answer) = order(shop, &number, None);
                (status == 200).then_some(answer)
            });
            assert!(made.is_some(), "{number}");
        }
    }
}

#[test]
fn a_merchants_invalid_answers_affect_only_its_own_deliveries() {
    let shop = LIVE.shop("faulty", &json!({}));
    let other = LIVE.shop("sound", &json!({}));
    let sound = Receiver::good();
    for fault in Fault::ALL {
        let url = faulty_merchant(fault);
        let made = shop.native(fault.word(), Some(&url));
        LIVE.scan(&made["code_url"]);
    }
    let made = other.native("S1", Some(&sound.url));
    LIVE.scan(&made["code_url"]);
    wait_for("the sound one", || sound.received().first().cloned());
    for fault in Fault::ALL {
        assert_eq!(shop.state(fault.word()), "SUCCESS", "{fault:?}");
        let path = format!("/v1/delivery?out_trade_no={}", fault.word());
        let why = wait_for("what became of it", || {
            let answer = shop.call("GET", &path, "").json();
            let delivery = answer["data"]["deliveries"][0].clone();
            assert_eq!(delivery["state"], "waiting", "{fault:?}: {delivery}");
            delivery["last"].as_str().map(str::to_owned)
        });
        assert!(!why.is_empty(), "{fault:?}");
    }
}

/// A merchant's server that redirects to a machine inside its network.
#[test]
fn a_delivery_follows_no_redirect() {
    let shop = LIVE.shop("led-on", &json!({}));
    let inside = Receiver::good();
    for status in [301, 302, 303, 307, 308] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let to = inside.url.clone();
        let sent_on = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = [0; 16 * 1024];
            let length = stream.read(&mut seen).unwrap();
            let answer = format!(
                "HTTP/1.1 {status} -\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).unwrap();
            length
        });
        let number = format!("L{status}");
        let made = shop.native(&number, Some(&url));
        LIVE.scan(&made["code_url"]);
        assert!(sent_on.join().unwrap() > 0);
        let path = format!("/v1/delivery?out_trade_no={number}");
        let last = wait_for("what became of it", || {
            let delivery = shop.call("GET", &path, "").json()["data"]["deliveries"][0].clone();
            assert_eq!(delivery["state"], "waiting", "{delivery}");
            delivery["last"].as_str().map(str::to_owned)
        });
        assert_eq!(last, format!("the merchant answered {status}"));
    }
    assert_eq!(inside.received(), Vec::<String>::new());
}

/// `at_once` callers repeat `call` while another caller makes `other` calls, one
/// after the other. The flood lasts at least `calls` calls and then until the other
/// caller has `answers` answers, but at most four times as long: the count of
/// answers does not depend on how fast the machine is. Returns the calls of the
/// flood and the answers that the other caller had before its end.
fn under_flood(
    at_once: usize,
    calls: usize,
    answers: usize,
    call: impl Fn() + Sync,
    other: impl Fn(usize) + Sync,
) -> (usize, usize) {
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let flood = || {
        let (least, most) = (calls / at_once, 4 * calls / at_once);
        let mut made = 0;
        while made < least || (made < most && answered.load(Ordering::SeqCst) < answers) {
            call();
            made += 1;
        }
        made
    };
    thread::scope(|scope| {
        let floods: Vec<_> = (0..at_once).map(|_| scope.spawn(flood)).collect();
        let watching = scope.spawn(|| {
            for n in 0.. {
                other(n);
                if done.load(Ordering::SeqCst) {
                    return;
                }
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
        let ended: Vec<_> = floods.into_iter().map(|flood| flood.join()).collect();
        done.store(true, Ordering::SeqCst);
        let made = ended.into_iter().map(Result::unwrap).sum();
        watching.join().unwrap();
        (made, answered.load(Ordering::SeqCst))
    })
}

/// A genuine notice that `number` was paid, in the upstream's form: its headers
/// and its body.
fn true_notice(kind: Kind, account: &Value, number: &str) -> (Vec<(String, String)>, String) {
    let text = |pointer: &str| account.pointer(pointer).and_then(Value::as_str).unwrap();
    match kind.dialect {
        "v3" => crate::dialects::paid(account, number, 150, text("/v3/apiv3_key")).written(),
        "ionline" => {
            let fields = Fields::new()
                .with("status", "0")
                .with("result_code", "0")
                .with("pay_result", "0")
                .with("mch_id", text("/ionline/mid"))
                .with("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c")
                .with("sub_appid", text("/appid"))
                .with("trade_type", "ionline.pay.weixin.native.intl")
                .with("total_fee", "150")
                .with("transaction_id", "10052000000100202601025054015312")
                .with("out_trade_no", number)
                .with("time_end", "20260102110405");
            let key = Secret::new(text("/ionline/key"));
            (Vec::new(), fields.sealed(&key, SignType::Md5).to_xml())
        }
        _ => {
            let fields = notice(number, "42000000001");
            (
                Vec::new(),
                fields.sealed(&Secret::new(KEY), SignType::Md5).to_xml(),
            )
        }
    }
}

#[test]
fn a_flood_of_one_order_and_one_notice_makes_one_payment_and_delays_no_caller() {
    const CALLS: usize = 512;
    const AT_ONCE: usize = 64;
    const ANSWERS: usize = 3;
    let live = Live::start("flood");
    let other = live.shop("other", &json!({"mch_id": "1900000109"}));
    for id in ["demo", "demo-v3", "night-ionline"] {
        let kind = *MERCHANTS.iter().find(|kind| kind.id == id).unwrap();
        // WeChat knows of no payment: the notice alone is accepted.
        let alone = json!({"confirm_notices_from": 1000});
        let (shop, account) = live.shop_of(kind, &alone);
        let merchant = Receiver::good();
        let number = format!("F-{id}");
        let flood = |what: &str, call: &(dyn Fn() + Sync)| {
            let (made, answered) = under_flood(AT_ONCE, CALLS, ANSWERS, call, |n| {
                other.native(&format!("{what}-{id}-{n}"), None);
            });
            // Another caller waits in the same queue, for each of its steps; not
            // for the end of the flood.
            assert!(answered >= ANSWERS, "{id}, {what}: {answered} of {made}");
            made
        };

        let first = shop.native(&number, Some(&merchant.url));
        flood("orders", &|| {
            assert_eq!(shop.native(&number, Some(&merchant.url)), first);
        });
        let url = format!("{}/sandbox/orders?limit=10000", live.sandbox());
        let all = send("GET", &url, &[], "").json();
        let same = all["orders"].as_array().unwrap().iter();
        let same = same.filter(|order| order["out_trade_no"] == number.as_str());
        assert_eq!(same.count(), 1, "{id}");

        let (headers, body) = true_notice(kind, &account, &number);
        let headers: Vec<_> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let url = format!("{}/notify/{}/{id}", live.gateway(), kind.dialect);
        let made = flood("notices", &|| {
            let answer = send("POST", &url, &headers, body.clone());
            assert!(
                [200, 204].contains(&answer.status),
                "{id}: {}",
                answer.text()
            );
        });
        wait_for("the delivery", || merchant.received().first().cloned());
        let counters = shop.report()["counters"].clone();
        assert_eq!(counters["notice_taken"], 1, "{id}: {counters}");
        assert_eq!(counters["notice_duplicate"], made - 1, "{id}: {counters}");
        let received = merchant.received();
        assert_eq!(received.len(), 1, "{id}: {received:?}");
        if kind.dialect == "v2" {
            assert_eq!(received, [body], "byte for byte");
        }
    }
}

pub(crate) fn connect(live: &Live) -> TcpStream {
    let address = live.gateway().replace("http://", "");
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

#[test]
fn unfinished_requests_delay_no_other_caller() {
    let live = Live::start("loris");
    let shop = live.shop("demo", &json!({}));
    let begun = [
        "POST /v1/order HTTP/1.1\r\nhost: x\r\napi-k",
        "POST /v1/order HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n{\"out_trade_no\"",
        "POST /notify/v2/demo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4\r\n<xml\r\n",
        "",
    ];
    let began = Instant::now();
    let mut slow: Vec<TcpStream> = Vec::new();
    for n in 0..200 {
        let mut stream = connect(&live);
        stream.write_all(begun[n % begun.len()].as_bytes()).unwrap();
        slow.push(stream);
    }
    let merchant = Receiver::good();
    let made = shop.native("1", Some(&merchant.url));
    live.scan(&made["code_url"]);
    wait_for("the delivery", || merchant.received().first().cloned());
    // They were waiting the whole time.
    for stream in &mut slow {
        stream.set_nonblocking(true).unwrap();
        let error = stream.read(&mut [0]).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
    assert_eq!(shop.state("1"), "SUCCESS");
    // A body that was begun has a time limit, which single bytes do not extend.
    let mut dripping = slow[1].try_clone().unwrap();
    thread::spawn(move || {
        while dripping.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(500));
        }
    });
    for (n, stream) in slow.iter_mut().enumerate() {
        if begun[n % begun.len()].contains("\r\n\r\n") {
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let (status, answer) = read_answer(stream, |text| text.ends_with('}'));
            assert_eq!(status, 408, "{n}: {answer}");
            assert!(answer.contains("\"BODY_TOO_SLOW\""), "{n}: {answer}");
            assert!(began.elapsed() > Duration::from_secs(29), "{n}");
        }
    }
    assert_eq!(shop.state("1"), "SUCCESS");
    assert!(!live.log().contains("panicked"), "{}", live.log());
}

/// The raw answer, until `enough`; its status, or 0 where the connection ends
/// without an answer.
fn read_answer(stream: &mut TcpStream, enough: impl Fn(&str) -> bool) -> (u16, String) {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..length]);
        if length == 0 || enough(&String::from_utf8_lossy(&answer)) {
            break;
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.unwrap_or(0), text)
}

/// The raw answer to a request, up to the end of its head.
pub(crate) fn raw(request: &[u8]) -> (u16, String) {
    let mut stream = connect(&LIVE);
    // A request that is refused early may not be read to its end.
    stream.write_all(request).ok();
    read_answer(&mut stream, |text| text.contains("\r\n\r\n"))
}

#[test]
fn a_request_that_is_too_long_or_not_http_is_refused() {
    let chunked = |chunk: &str, times: usize| {
        let head = "POST /v1/order HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        head.to_owned() + &chunk.repeat(times) + "0\r\n\r\n"
    };
    let ten_k = format!("2800\r\n{}\r\n", "x".repeat(0x2800));
    let long = "x".repeat(200_000);
    // The runtime decides how long a head may be: the gateway must accept it.
    for (name, request, statuses) in [
        ("a chunked body of 100 KB", chunked(&ten_k, 10), &[413][..]),
        ("a chunked body of 10 MB", chunked(&ten_k, 1000), &[413]),
        ("a body of a hundred thousand crumbs", chunked("1\r\nx\r\n", 100_000), &[413]),
        ("a chunk that is no number", chunked("zz\r\nx\r\n", 1), &[0, 400]),
        ("a header of 200 KB", format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n"), &[0, 200, 400, 413, 431]),
        ("ten thousand headers", format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(100_000)), &[0, 200, 400, 413, 431]),
        ("an address of 200 KB", format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), &[0, 400, 404, 414, 431]),
        ("two lengths", "POST /v1/order HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x".into(), &[0, 400, 401]),
        ("a length and chunks", "POST /v1/order HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into(), &[0, 400, 401]),
        ("a length below nothing", "POST /v1/order HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".into(), &[0, 400]),
        ("no HTTP", "\x16\x03\x01\x02hello\r\n\r\n".into(), &[0, 400]),
        ("an unknown method", "BREW /v1/order HTTP/1.1\r\nhost: x\r\n\r\n".into(), &[400, 405, 501]),
        ("no path", "GET HTTP/1.1\r\nhost: x\r\n\r\n".into(), &[0, 400]),
        ("NUL in a header", "GET /healthz HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n".into(), &[0, 400]),
        ("no host", "GET /v1/order HTTP/1.1\r\n\r\n".into(), &[0, 400, 401]),
        ("a broken host", "GET /v1/order HTTP/1.1\r\nhost: [::\r\n\r\n".into(), &[0, 400, 401]),
    ] {
        let (status, answer) = raw(request.as_bytes());
        assert!(statuses.contains(&status), "{name}: {status} {answer}");
        let healthy = send("GET", &format!("{}/healthz", LIVE.gateway()), &[], "");
        assert_eq!(healthy.status, 200, "{name}");
    }
    assert!(!LIVE.log().contains("panicked"), "{}", LIVE.log());
}
