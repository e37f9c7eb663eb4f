//! The clock of the machine jumps by hours while the gateway runs.
//!
//! A library in front of the system's own moves the clock of the gateway's
//! process alone; the sandbox keeps the real time, as WeChat does.

use crate::system::{
    Running, ask, demo_merchant, directory, free_port, make_merchant, sandbox, serve, wait_for,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const HOUR: i64 = 3600;

/// Compiles the library that moves the clock.
fn library(directory: &Path) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/clock.c");
    let library = directory.join("clock.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .status()
        .unwrap();
    assert!(compiled.success());
    library
}

struct Shop {
    port: u16,
    wechat_port: u16,
    keys: [String; 2],
    ahead: PathBuf,
}

impl Shop {
    fn jump(&self, seconds: i64) {
        std::fs::write(&self.ahead, seconds.to_string()).unwrap();
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let keys = [
            ("api-key", self.keys[0].as_str()),
            ("api-secret", self.keys[1].as_str()),
        ];
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        ask(method, &url, &keys, &body).unwrap()
    }

    fn order(&self, number: &str) -> Value {
        let order = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
            "notify_url": format!("http://127.0.0.1:{}/shop/notify", self.wechat_port),
        });
        let made = self.call("POST", "/v1/order", &order);
        assert_eq!(made["status"], "success", "{made}");
        made["data"]["code_url"].clone()
    }

    /// The state in the list, which queries nothing at WeChat.
    fn listed(&self, number: &str) -> Value {
        let listed = self.call("GET", "/v1/orders", &Value::Null);
        let orders = listed["data"]["orders"].as_array().unwrap();
        let order = orders.iter().find(|order| order["out_trade_no"] == number);
        order.map_or(Value::Null, |order| order["state"].clone())
    }

    #[track_caller]
    fn waits_for(&self, number: &str, state: &str) {
        wait_for(|| (self.listed(number) == state).then_some(()));
    }

    fn wechat(&self, path: &str, body: &Value) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.wechat_port);
        ask("POST", &url, &[], &body.to_string()).unwrap()
    }

    fn pay(&self, code_url: &Value) {
        let scan = json!({"code_url": code_url, "payer": "alice", "action": "pay"});
        let paid = self.wechat("/sandbox/scan", &scan);
        assert_eq!(paid["ok"], true, "{paid}");
    }

    fn delivered(&self, number: &str) -> bool {
        let listed = self.call("GET", "/v1/deliveries?limit=100", &Value::Null);
        let deliveries = listed["data"]["deliveries"].as_array().unwrap();
        deliveries
            .iter()
            .any(|one| one["out_trade_no"] == number && one["state"] == "acknowledged")
    }
}

#[test]
fn the_clock_jumps_back_and_forward_by_hours_and_nothing_is_lost() {
    let directory = directory("clock");
    let library = library(&directory);
    let ahead = directory.join("ahead");
    std::fs::write(&ahead, "0").unwrap();
    let (wechat_port, certified, port) = (free_port(), free_port(), free_port());
    let file = directory.join("sandbox.sqlite");
    let wechat = sandbox(wechat_port, certified, &file);
    let mut command = serve(port, &directory);
    command
        .env("WECHATPAY", format!("http://127.0.0.1:{wechat_port}"))
        .env("WECHATPAY_MTLS", format!("http://127.0.0.1:{certified}"))
        .env("LD_PRELOAD", library)
        .env("AHEAD_FILE", &ahead);
    let _running = Running(command.spawn().unwrap());
    wait_for(|| ask("GET", &format!("http://127.0.0.1:{port}/healthz"), &[], "").ok());
    let shop = Shop {
        port,
        wechat_port,
        keys: make_merchant(port, &demo_merchant(wechat_port)),
        ahead,
    };
    let codes: Vec<Value> = ["BACK", "HELD", "FORWARD", "OPEN"]
        .map(|number| shop.order(number))
        .into();

    // Three hours back: a notice is taken, confirmed by a query, and delivered.
    shop.jump(-3 * HOUR);
    shop.pay(&codes[0]);
    shop.waits_for("BACK", "SUCCESS");
    wait_for(|| shop.delivered("BACK").then_some(()));

    // No notice arrives. Three hours forward from there, the timers are due: they
    // find the payment, and close what was not paid in time.
    shop.wechat("/sandbox/faults", &json!({"hold_notices": true}));
    shop.pay(&codes[1]);
    assert_eq!(shop.listed("HELD"), "NOTPAY");
    shop.jump(2 * HOUR + 600);
    shop.waits_for("HELD", "SUCCESS");
    wait_for(|| shop.delivered("HELD").then_some(()));
    // A query without an answer is repeated by its timer, a minute later.
    for number in ["FORWARD", "OPEN"] {
        let closed = (0..1500).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            shop.listed(number) == "CLOSED"
        });
        assert!(closed, "{number}");
    }

    // WeChat is away, the clock is set back while its hosts are being tried, and
    // WeChat returns: the next call reaches it.
    drop(wechat);
    let order = json!({
        "out_trade_no": "AWAY", "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
    });
    let refused = shop.call("POST", "/v1/order", &order);
    assert_eq!(refused["code"], "UPSTREAM_UNAVAILABLE", "{refused}");
    shop.jump(-5 * HOUR);
    let _wechat = sandbox(wechat_port, certified, &file);
    wait_for(|| {
        let made = shop.call("POST", "/v1/order", &order);
        (made["status"] == "success").then_some(())
    });

    // Many requests share commits while the clock jumps: each answer is on disk.
    shop.jump(0);
    let numbers: Vec<String> = (0..40).map(|n| format!("MANY-{n}")).collect();
    std::thread::scope(|scope| {
        for half in numbers.chunks(20) {
            scope.spawn(|| half.iter().for_each(|number| drop(shop.order(number))));
        }
        for jump in [-2 * HOUR, HOUR, -HOUR, 0] {
            std::thread::sleep(Duration::from_millis(100));
            shop.jump(jump);
        }
    });
    for number in numbers {
        let path = format!("/v1/order?out_trade_no={number}");
        let order = shop.call("GET", &path, &Value::Null);
        // One that was made while the clock was behind is past its time now.
        let state = order["data"]["trade_state"].as_str().unwrap_or_default();
        assert!(["NOTPAY", "CLOSED"].contains(&state), "{order}");
    }
    let _ = std::fs::remove_dir_all(&directory);
}
