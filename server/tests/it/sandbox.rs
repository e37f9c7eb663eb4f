//! `weceive sandbox`: HTTPS, repeated runs, and how it ends.

use crate::system::{ask, directory, free_port, weceive};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Sandbox {
    child: Child,
    listing: Value,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sandbox {
    fn start(home: &Path, more: &[&str]) -> Self {
        let mut command = weceive();
        command
            .args(["sandbox", "--json", "--port", &free_port().to_string()])
            .args(more)
            .current_dir(home)
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let listing = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        Self { child, listing }
    }

    fn text(&self, name: &str) -> &str {
        self.listing[name].as_str().unwrap()
    }

    fn posts(&self, path: &str, body: &str) -> Value {
        ask(
            "POST",
            &format!("{}{path}", self.text("sandbox")),
            &[],
            body,
        )
        .unwrap()
    }
}

#[test]
fn a_client_that_trusts_the_printed_authority_calls_the_sandbox_by_https() {
    let home = directory("sandbox-tls");
    let port = free_port().to_string();
    let sandbox = Sandbox::start(&home, &["--tls", &port]);
    assert_eq!(sandbox.text("https"), format!("https://127.0.0.1:{port}"));
    let call = |url: &str, more: &[&str]| {
        Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*"])
            .args(more)
            .arg(url)
            .current_dir(&home)
            .output()
            .unwrap()
    };
    let url = format!("https://127.0.0.1:{port}/pay/orderquery");
    let request = ["--data", "<xml><mch_id>1</mch_id></xml>"];
    let trusting = ["--cacert", sandbox.text("ca_file")];
    let answer = call(&url, &[&request[..], &trusting].concat());
    let answered = String::from_utf8(answer.stdout).unwrap();
    assert!(answered.contains("return_code"), "{answered}");
    // WeChat's own name, for a client that resolves it to this machine.
    let url = format!("https://api.mch.weixin.qq.com:{port}/pay/orderquery");
    let resolved = format!("api.mch.weixin.qq.com:{port}:127.0.0.1");
    let resolving = ["--resolve", &resolved];
    let answer = call(&url, &[&request[..], &trusting, &resolving].concat());
    assert!(answer.status.success(), "{answer:?}");
    let refused = call(&format!("https://127.0.0.1:{port}/"), &[]);
    assert_eq!(refused.status.code(), Some(60), "{refused:?}");
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn a_seed_repeats_numbers_and_keys_and_nothing_else_does() {
    let home = directory("sandbox-seed");
    let run = |more: &[&str]| {
        let sandbox = Sandbox::start(&home, more);
        let merchant = sandbox.posts("/sandbox/merchants", "{}");
        let code = sandbox.posts("/sandbox/paycode", r#"{"payer":"alice"}"#);
        let found = [&merchant["mch_id"], &merchant["key"], &code["auth_code"]];
        assert!(found.iter().all(|text| text.is_string()), "{found:?}");
        found.map(Clone::clone)
    };
    let first = run(&["--seed", "7"]);
    assert_eq!(run(&["--seed", "7"]), first);
    assert_ne!(run(&["--seed", "8"]), first);
    assert_ne!(run(&[]), run(&[]));
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn ctrl_c_ends_it_well_and_a_second_start_knows_its_orders() {
    let home = directory("sandbox-end");
    let mut sandbox = Sandbox::start(&home, &["--file", "state.sqlite"]);
    let made = sandbox.posts("/sandbox/merchants", r#"{"name":"Kept"}"#);
    let pid = sandbox.child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert_eq!(sandbox.child.wait().unwrap().code(), Some(0));
    let again = Sandbox::start(&home, &["--file", "state.sqlite"]);
    let merchants = again.listing["merchants"].as_array().unwrap();
    assert!(
        merchants
            .iter()
            .any(|merchant| merchant["mch_id"] == made["mch_id"])
    );
    std::fs::remove_dir_all(home).unwrap();
}
