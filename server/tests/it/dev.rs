//! `weceive dev`, and the commands that make its sandbox do something.

use crate::system::{ask, directory, wait_for, weceive};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A running `weceive dev`.
struct Dev {
    child: Child,
    /// The lines that it has printed.
    listing: Value,
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free, and of which the next one is free too.
fn free_pair() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

fn command(home: &Path, port: u16, more: &[&str]) -> Command {
    let mut command = weceive();
    command
        .args(["dev", "--json", "--port", &port.to_string()])
        .arg("--directory")
        .arg(home.join("dev"))
        .arg("--pages")
        .arg(home.join("pages"))
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Dev {
    /// Starts the program; it is ready when this function returns.
    fn start(home: &Path, port: u16, more: &[&str]) -> Self {
        let mut child = command(home, port, more).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let listing =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}: {:?}", child.kill()));
        Self { child, listing }
    }

    /// Ends the program as Ctrl-C does.
    fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    fn text(&self, pointer: &str) -> String {
        let found = self.listing.pointer(pointer).and_then(Value::as_str);
        found
            .unwrap_or_else(|| panic!("{pointer} of {}", self.listing))
            .to_owned()
    }

    /// Calls the API as the merchant with this index in the list.
    fn call(&self, merchant: usize, method: &str, path: &str, body: &Value) -> Value {
        let key = |name: &str| self.text(&format!("/merchants/{merchant}/{name}"));
        let (key, secret) = (key("api-key"), key("api-secret"));
        let keys = [("api-key", key.as_str()), ("api-secret", secret.as_str())];
        let url = format!("{}{path}", self.text("/gateway"));
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        ask(method, &url, &keys, &body).unwrap()
    }

    fn order(&self, merchant: usize, number: &str) {
        let order = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
            "notify_url": format!("{}/shop/notify", self.text("/sandbox")),
        });
        let made = self.call(merchant, "POST", "/v1/order", &order);
        assert_eq!(made["status"], "success", "{made}");
    }

    fn state(&self, merchant: usize, number: &str) -> Value {
        let path = format!("/v1/order?out_trade_no={number}");
        self.call(merchant, "GET", &path, &Value::Null)["data"]["trade_state"].clone()
    }

    #[track_caller]
    fn waits_for(&self, merchant: usize, number: &str, state: &str) {
        wait_for(|| (self.state(merchant, number) == state).then_some(()));
    }

    /// Runs a command against the sandbox.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = weceive();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
            .args(arguments)
            .args(["--sandbox", &self.text("/sandbox")]);
        command.output().unwrap()
    }

    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {err}");
        out
    }

    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        (output.status.code().unwrap(), text(&output.stderr))
    }

    /// The attempts to deliver the notices about an order.
    fn notices(&self, number: &str) -> Vec<Value> {
        let url = format!(
            "{}/sandbox/notices?out_trade_no={number}",
            self.text("/sandbox")
        );
        let found = ask("GET", &url, &[], "").unwrap();
        found["notices"].as_array().unwrap().clone()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        Self(directory(name))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The merchant knows the page's other host from the beginning: the printed address can
/// be opened at once.
#[test]
fn the_page_on_another_host_is_let_in_at_once() {
    let home = directory("dev-host");
    let dev = Dev::start(&home, free_pair(), &[]);
    let page = dev.text("/hosted_page");
    let (host, session) = page.split_once("/checkout/pay.html?").unwrap();
    let view = format!("{}/pay/view?{session}", dev.text("/gateway"));
    let seen = ask("GET", &view, &[("origin", host)], "").unwrap();
    // There are no files of the page here: the gateway gets as far as looking for them.
    assert_eq!(seen["code"], "INTERNAL", "{seen}");
    let refused = ask("GET", &view, &[("origin", "https://other.example.com")], "").unwrap();
    assert_eq!(refused["code"], "ORIGIN_UNKNOWN", "{refused}");
}

#[test]
fn dev_starts_from_nothing_and_keeps_orders_and_keys_between_two_runs() {
    let home = Home::new("dev");
    let home = &home.0;
    let dev = Dev::start(home, free_pair(), &[]);
    let merchants = dev.listing["merchants"].as_array().unwrap();
    assert_eq!(merchants.len(), 7, "{merchants:?}");
    let key = dev.text("/merchants/0/api-key");
    assert!(dev.text("/checkout").starts_with(&dev.text("/gateway")));
    let env = home.join("dev/env");
    assert!(std::fs::read_to_string(&env).unwrap().contains(&key));
    for file in ["env", "credentials.json"] {
        let mode = std::fs::metadata(home.join("dev").join(file)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{file}");
    }
    dev.order(0, "D1");
    dev.says(&["trigger", "order.paid", "--number", "D1"]);
    dev.waits_for(0, "D1", "SUCCESS");
    // The variables of the shell lead every command to it.
    for command in ["orders show D1", "doctor", "clock"] {
        let line = format!(
            ". {}; {} {command}",
            env.display(),
            env!("CARGO_BIN_EXE_weceive")
        );
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        let reached = matches!(output.status.code(), Some(0 | 5));
        assert!(reached, "{command}: {said}");
    }

    // A second program would not know the orders of the first.
    let second = command(home, free_pair(), &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another weceive runs on it"));
    dev.interrupt();

    let dev = Dev::start(home, free_pair(), &[]);
    assert_eq!(dev.text("/merchants/0/api-key"), key);
    assert_eq!(dev.state(0, "D1"), "SUCCESS");
    dev.interrupt();

    std::fs::write(home.join("dev/notes.txt"), "mine").unwrap();
    let dev = Dev::start(home, free_pair(), &["--fresh"]);
    assert_ne!(dev.text("/merchants/0/api-key"), key);
    assert_eq!(dev.state(0, "D1"), Value::Null);
    assert!(
        home.join("dev/notes.txt").exists(),
        "a foreign file is kept"
    );
}

#[test]
fn a_taken_port_and_missing_pages_are_named() {
    let home = Home::new("dev-refused");
    let home = &home.0;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = command(home, port, &[]).output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains(&port.to_string()) && said.contains("--port"),
        "{said}"
    );
    std::fs::remove_dir_all(home.join("pages")).unwrap();
    let refused = command(home, free_pair(), &[]).output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("cargo xtask build page"), "{said}");
    assert!(!home.join("dev").exists(), "nothing was written");
}

#[test]
fn trigger_makes_each_event_of_an_order_happen() {
    let home = Home::new("trigger");
    let dev = Dev::start(&home.0, free_pair(), &[]);
    let (code, said) = dev.refused(&["trigger", "order.eaten"]);
    assert_eq!(code, 2);
    assert!(
        said.contains("order.paid") && said.contains("notice.forged"),
        "{said}"
    );
    let (code, said) = dev.refused(&["trigger", "order.paid"]);
    assert_eq!(
        (code, said.contains("no order that can be paid")),
        (3, true),
        "{said}"
    );

    dev.order(0, "T1");
    let said = dev.says(&["trigger", "notice.twice", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&said).unwrap()["ok"],
        true,
        "{said}"
    );
    dev.waits_for(0, "T1", "SUCCESS");
    assert_eq!(dev.notices("T1").len(), 2);

    // The notices of APIv3 can be forged: the gateway refuses the first
    // attempt.
    dev.order(2, "T2");
    let (code, said) = dev.refused(&["trigger", "notice.forged", "--merchant", "1900000114"]);
    assert_eq!((code, said.contains("APIv3 order")), (3, true), "{said}");
    assert_eq!(
        dev.says(&["trigger", "notice.forged"]),
        "alice has paid T2 (HK$1.50).\n"
    );
    wait_for(|| {
        let attempts = &dev.notices("T2")[0]["attempts"];
        (attempts[0]["acknowledged"] == false).then_some(())
    });
    // The gateway's query finds the payment meanwhile.
    dev.waits_for(2, "T2", "SUCCESS");

    dev.order(0, "T3");
    dev.says(&["trigger", "notice.late"]);
    let late = &dev.notices("T3")[0];
    assert_eq!(late["attempts"].as_array().unwrap().len(), 0, "{late}");
    dev.order(0, "T4");
    dev.says(&["trigger", "order.paid", "--number", "T4"]);
    assert_eq!(dev.notices("T4").len(), 1, "the faults of before are back");
    dev.waits_for(0, "T4", "SUCCESS");

    let refund = json!({"out_trade_no": "T4", "out_refund_no": "T4-R", "refund_fee": 50});
    let refunded = dev.call(0, "POST", "/v1/refund", &refund);
    assert_eq!(refunded["status"], "success", "{refunded}");
    assert_eq!(
        dev.says(&["trigger", "refund.abnormal"]),
        "The refund T4-R is CHANGE.\n"
    );
    wait_for(|| {
        let path = "/v1/refund?out_trade_no=T4";
        let found = dev.call(0, "GET", path, &Value::Null);
        (found["data"]["refunds"][0]["refund_status"] == "CHANGE").then_some(())
    });
    let (code, said) = dev.refused(&["trigger", "refund.success"]);
    assert_eq!(
        (code, said.contains("no refund under way")),
        (3, true),
        "{said}"
    );

    let rotated = dev.says(&["trigger", "certificate.rotated"]);
    assert!(rotated.contains(" (signs) and "), "{rotated}");
    let held = dev.says(&["trigger", "notices.held", "--json"]);
    assert!(held.contains("\"hold_notices\":true"), "{held}");
    dev.says(&["trigger", "faults.off"]);
    dev.order(0, "T5");
    assert_eq!(
        dev.says(&["trigger", "order.closed"]),
        "T5 is closed on the merchant platform.\n"
    );
    let code = dev.says(&["trigger", "paycode.shown"]);
    assert!(
        code.trim().len() == 18 && code.trim().bytes().all(|b| b.is_ascii_digit()),
        "{code}"
    );
    dev.says(&["trigger", "funds.empty"]);
}

#[test]
fn the_sandboxs_clock_is_moved_and_reset() {
    let home = Home::new("clock");
    let dev = Dev::start(&home.0, free_pair(), &[]);
    assert!(dev.says(&["clock"]).contains("0s ahead"));
    let moved = dev.says(&["clock", "+1d2h"]);
    assert!(
        moved.contains("1d 2h ahead") && moved.contains("keeps the real time"),
        "{moved}"
    );
    let shown: Value = serde_json::from_str(&dev.says(&["clock", "--json"])).unwrap();
    assert_eq!(shown["ahead_seconds"], 93_600);
    assert!(dev.says(&["clock", "real"]).contains("0s ahead"));
    assert_eq!(dev.refused(&["clock", "2h"]).0, 2);
    let (code, said) = dev.refused(&["clock", "+400d"]);
    assert_eq!((code, said.contains("31622400")), (3, true), "{said}");
    let unused = format!("http://127.0.0.1:{}", free_pair());
    let output = weceive()
        .args(["clock", "--sandbox", &unused])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("weceive dev"));
}
