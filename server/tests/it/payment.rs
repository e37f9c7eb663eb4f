//! A complete payment with the program itself, which is killed in the middle.

use crate::system::{
    ask, demo_merchant, directory, free_port, gateway, make_merchant, sandbox, wait_for,
};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn a_payment_is_taken_delivered_and_kept_when_the_program_is_killed() {
    let directory = directory("payment");
    let (wechat_port, certified, port) = (free_port(), free_port(), free_port());
    let _wechat = sandbox(wechat_port, certified, &directory.join("sandbox.sqlite"));
    let running = gateway(port, wechat_port, certified, &directory);

    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let wechat = |path: &str| format!("http://127.0.0.1:{wechat_port}{path}");
    let merchant = demo_merchant(wechat_port);
    let [key, secret] = make_merchant(port, &merchant);
    let keys = [("api-key", key.as_str()), ("api-secret", secret.as_str())];
    let order = json!({
        "out_trade_no": "1", "body": "Two cups", "total_fee": 150, "trade_type": "NATIVE",
        "notify_url": wechat("/shop/notify"),
    });
    let ordered = ask("POST", &at("/v1/order"), &keys, &order.to_string()).unwrap();
    let code_url = ordered["data"]["code_url"].clone();
    assert!(code_url.is_string(), "{ordered}");

    // Killed with an open order, and restarted on the same directory.
    drop(running);
    let _running = gateway(port, wechat_port, certified, &directory);
    let again = ask("POST", &at("/v1/order"), &keys, &order.to_string()).unwrap();
    assert_eq!(again["data"]["code_url"], code_url, "the same order");

    let scan = json!({"code_url": code_url, "payer": "alice", "action": "pay"}).to_string();
    let json_type = [("content-type", "application/json")];
    let paid = ask("POST", &wechat("/sandbox/scan"), &json_type, &scan).unwrap();
    assert_eq!(paid["ok"], true, "{paid}");
    let state = |path: &str| ask("GET", &at(path), &keys, "").unwrap();
    wait_for(|| {
        let order = state("/v1/order?out_trade_no=1");
        (order["data"]["trade_state"] == "SUCCESS").then_some(())
    });
    wait_for(|| {
        let delivered = state("/v1/delivery?out_trade_no=1");
        (delivered["data"]["deliveries"][0]["state"] == "acknowledged").then_some(())
    });
    let refused = ask("PUT", &at("/v1/order"), &keys, "").unwrap();
    assert_eq!(refused["code"], "METHOD_NOT_ALLOWED");
    let long = "x".repeat(100_000);
    let refused = ask("POST", &at("/v1/order"), &keys, &long).unwrap();
    assert_eq!(refused["code"], "BODY_TOO_LARGE");
    // A request that could not be read has an id that the log names too.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let broken = "POST /v1/order HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\nno chunk\r\n";
    stream.write_all(broken.as_bytes()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("BODY_BROKEN"), "{answer}");
    assert!(answer.contains("x-request-id: "), "{answer}");
    let _ = std::fs::remove_dir_all(&directory);
}
