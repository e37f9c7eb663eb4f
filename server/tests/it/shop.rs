//! A deployment with one merchant, and the commands that call it.

use crate::system::{
    ADMIN_TOKEN, Running, ask, demo_merchant, directory, free_port, gateway, sandbox, wait_for,
    weceive,
};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// A deployment with one merchant, and a profile for it.
pub struct Shop {
    _wechat: Running,
    _gateway: Running,
    pub directory: PathBuf,
    wechat_port: u16,
    pub url: String,
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs a command with the profiles of this directory, and this input.
pub fn run(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = weceive();
    let mut child = command
        .args(arguments)
        .env("WECEIVE_PROFILES", directory.join("profiles.toml"))
        .env_remove("WECEIVE_URL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input may already have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

impl Shop {
    pub fn open(name: &str) -> Self {
        let directory = directory(name);
        let (wechat_port, certified, port) = (free_port(), free_port(), free_port());
        let wechat = sandbox(wechat_port, certified, &directory.join("sandbox.sqlite"));
        let running = gateway(port, wechat_port, certified, &directory);
        let url = format!("http://127.0.0.1:{port}");
        let shop = Self {
            _wechat: wechat,
            _gateway: running,
            directory,
            wechat_port,
            url,
        };
        let merchant = demo_merchant(wechat_port);
        shop.set_profile("\n\n");
        let file = shop.directory.join("merchant.json");
        std::fs::write(&file, merchant.to_string()).unwrap();
        let made = shop.json(&["merchants", "create", file.to_str().unwrap()]);
        let key = |name: &str| made[name].as_str().unwrap().to_owned();
        shop.set_profile(&format!("{}\n{}\n", key("api-key"), key("api-secret")));
        shop
    }

    /// A payer pays an order, and the gateway knows it.
    pub fn pay(&self, number: &str) {
        let pay = json!({
            "mch_id": "1900000109", "out_trade_no": number, "payer": "alice", "action": "pay",
        });
        self.wechat("POST", "/sandbox/pay", &pay.to_string());
        wait_for(|| {
            let shown = self.json(&["orders", "show", number]);
            (shown["order"]["trade_state"] == "SUCCESS").then_some(())
        });
    }

    fn set_profile(&self, keys: &str) {
        let keys = format!("{keys}{ADMIN_TOKEN}\n");
        let set = run(
            &self.directory,
            &["profile", "set", "--url", &self.url],
            &keys,
        );
        assert!(set.status.success(), "{}", text(&set.stderr));
    }

    pub fn wechat(&self, method: &str, path: &str, body: &str) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.wechat_port);
        ask(method, &url, &[("content-type", "application/json")], body).unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        run(&self.directory, arguments, "")
    }

    /// The output of a command that must succeed.
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.text(&arguments)).unwrap()
    }

    /// The exit code and the message of a command that must fail.
    pub fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        (output.status.code().unwrap(), text(&output.stderr))
    }

    /// The merchant's api-key and api-secret.
    pub fn keys(&self) -> (String, String) {
        let profiles = std::fs::read_to_string(self.directory.join("profiles.toml")).unwrap();
        let profiles: toml::Table = profiles.parse().unwrap();
        let of = |name: &str| profiles["default"][name].as_str().unwrap().to_owned();
        (of("api_key"), of("api_secret"))
    }

    pub fn order(&self, number: &str) {
        let (key, _) = self.keys();
        let order = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
            "notify_url": format!("http://127.0.0.1:{}/shop/notify", self.wechat_port),
        });
        let url = format!("{}/v1/order", self.url);
        let made = ask("POST", &url, &[("api-key", &key)], &order.to_string()).unwrap();
        assert_eq!(made["status"], "success", "{made}");
    }
}
