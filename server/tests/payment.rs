//! A complete payment through the program itself, which is killed in between.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ADMIN_TOKEN: &str = "admin-token-of-a-test";

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn weceive() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weceive"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn sandbox(port: u16, file: &Path) -> Running {
    let mut command = weceive();
    command.args(["sandbox", "--port", &port.to_string(), "--file"]);
    let running = Running(command.arg(file).spawn().unwrap());
    wait_for(|| {
        ask(
            "GET",
            &format!("http://127.0.0.1:{port}/sandbox/merchants"),
            &[],
            "",
        )
        .ok()
    });
    running
}

fn gateway(port: u16, wechat: u16, directory: &Path) -> Running {
    let mut command = weceive();
    command
        .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
        .arg("--directory")
        .arg(directory.join("data"))
        .arg("--pages")
        .arg(directory.join("pages"))
        .env("PUBLIC_URL", format!("http://127.0.0.1:{port}"))
        .env("MASTER_KEY", "5a".repeat(32))
        .env("ADMIN_TOKEN", ADMIN_TOKEN)
        .env("DEVELOPMENT", "1")
        .env("WECHATPAY", format!("http://127.0.0.1:{wechat}"));
    let running = Running(command.spawn().unwrap());
    wait_for(|| ask("GET", &format!("http://127.0.0.1:{port}/healthz"), &[], "").ok());
    running
}

fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "not within 30 s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Sends a request; returns the answer's body as JSON, if it is JSON.
fn ask(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Value, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = agent.run(request.body(body.to_owned()).unwrap())?;
    let text = answer.body_mut().read_to_string()?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[test]
fn a_payment_is_taken_delivered_and_kept_when_the_program_is_killed() {
    let directory: PathBuf =
        std::env::temp_dir().join(format!("weceive-payment-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(directory.join("pages")).unwrap();
    let (wechat_port, port) = (free_port(), free_port());
    let _wechat = sandbox(wechat_port, &directory.join("sandbox.sqlite"));
    let running = gateway(port, wechat_port, &directory);

    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let wechat = |path: &str| format!("http://127.0.0.1:{wechat_port}{path}");
    let all = ask("GET", &wechat("/sandbox/merchants"), &[], "").unwrap();
    let mut accounts = all["merchants"].as_array().unwrap().iter();
    let account = accounts.find(|m| m["mch_id"] == "1900000109").unwrap();
    let merchant = json!({
        "id": "demo", "name": "Demo Tea House", "fee_type": "HKD", "appid": account["appid"],
        "mch_id": account["mch_id"], "api_key": account["key"],
    });
    let admin = format!("Bearer {ADMIN_TOKEN}");
    let admin = [("authorization", admin.as_str())];
    let made = ask(
        "POST",
        &at("/admin/merchants"),
        &admin,
        &merchant.to_string(),
    )
    .unwrap();
    let text = |name: &str| made["data"][name].as_str().expect("a key").to_owned();
    let (key, secret) = (text("api-key"), text("api-secret"));
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
    let _running = gateway(port, wechat_port, &directory);
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
    let _ = std::fs::remove_dir_all(&directory);
}
