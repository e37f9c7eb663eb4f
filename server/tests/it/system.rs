//! Starts the program and sends requests to it, as a user would.

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The operator's token.
pub const ADMIN_TOKEN: &str = "admin-token-of-a-test";

/// A program that is killed when the test ends.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub fn weceive() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weceive"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The sandbox. Requests to the port `certified` count as sent with the client
/// certificate of the merchant 1900000109.
pub fn sandbox(port: u16, certified: u16, file: &Path) -> Running {
    let mut command = weceive();
    command.args(["sandbox", "--port", &port.to_string()]);
    command.args([
        "--certificate-port",
        &format!("1900000109={certified}"),
        "--file",
    ]);
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

/// `weceive serve` on this port, with its data below the directory: without the
/// setting that says where WeChat is.
pub fn serve(port: u16, directory: &Path) -> Command {
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
        .env("DEVELOPMENT", "1");
    command
}

/// The gateway, with its data below the directory.
pub fn gateway(port: u16, wechat: u16, certified: u16, directory: &Path) -> Running {
    let mut command = serve(port, directory);
    command
        .env("WECHATPAY", format!("http://127.0.0.1:{wechat}"))
        .env("WECHATPAY_MTLS", format!("http://127.0.0.1:{certified}"));
    let running = Running(command.spawn().unwrap());
    wait_for(|| ask("GET", &format!("http://127.0.0.1:{port}/healthz"), &[], "").ok());
    running
}

#[track_caller]
pub fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
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
pub fn ask(
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

/// An empty directory for one test, with a place for the page's files.
pub fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("weceive-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(directory.join("pages")).unwrap();
    directory
}

/// The account of the merchant 1900000109 at the sandbox, in the form of
/// `POST /admin/merchants`.
pub fn demo_merchant(wechat_port: u16) -> Value {
    let url = format!("http://127.0.0.1:{wechat_port}/sandbox/merchants");
    let all = ask("GET", &url, &[], "").unwrap();
    let mut accounts = all["merchants"].as_array().unwrap().iter();
    let account = accounts.find(|m| m["mch_id"] == "1900000109").unwrap();
    json!({
        "id": "demo", "name": "Demo Tea House", "fee_type": "HKD", "appid": account["appid"],
        "mch_id": account["mch_id"], "api_key": account["key"],
        "client_certificate": {"binding": "WECHATPAY_MTLS"},
    })
}

/// Makes a merchant at the gateway on this port; its api-key and its api-secret.
#[track_caller]
pub fn make_merchant(port: u16, merchant: &Value) -> [String; 2] {
    let url = format!("http://127.0.0.1:{port}/admin/merchants");
    let admin = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", admin.as_str())];
    let made = ask("POST", &url, &headers, &merchant.to_string()).unwrap();
    ["api-key", "api-secret"].map(|name| {
        let key = made["data"][name].as_str();
        key.unwrap_or_else(|| panic!("{made}")).to_owned()
    })
}
