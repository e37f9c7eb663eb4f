//! The disk is full, a file is damaged, the directory cannot be written: each is
//! named, and what was acknowledged is kept.

use crate::system::{
    ADMIN_TOKEN, Running, ask, demo_merchant, directory, free_port, make_merchant, sandbox,
    wait_for,
};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// The gateway, whose files may have this many blocks of 512 bytes each: a larger
/// file is refused, as on a full disk.
fn gateway(port: u16, wechat: u16, directory: &Path, blocks: u32) -> Running {
    let origin = format!("http://127.0.0.1:{port}");
    let weceive = env!("CARGO_BIN_EXE_weceive");
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .unwrap();
    let running = Command::new("sh")
        .args(["-c", &limited, "sh", weceive, "serve", "--listen"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("--directory")
        .arg(directory.join("data"))
        .arg("--pages")
        .arg(directory.join("pages"))
        .env("PUBLIC_URL", &origin)
        .env("MASTER_KEY", "5a".repeat(32))
        .env("ADMIN_TOKEN", ADMIN_TOKEN)
        .env("DEVELOPMENT", "1")
        .env("WECHATPAY", format!("http://127.0.0.1:{wechat}"))
        // The log has no part in the limit: it is a pipe.
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(running);
    let mut lines = running.0.stdout.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut lines, &mut &log));
    wait_for(|| ask("GET", &format!("{origin}/healthz"), &[], "").ok());
    running
}

#[test]
fn a_full_disk_loses_no_order_that_was_answered_and_no_payment() {
    let directory = directory("disk");
    let (wechat_port, certified, port) = (free_port(), free_port(), free_port());
    let _wechat = sandbox(wechat_port, certified, &directory.join("sandbox.sqlite"));
    // Two megabytes a file.
    let running = gateway(port, wechat_port, &directory, 4000);
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let mut merchant = demo_merchant(wechat_port);
    merchant
        .as_object_mut()
        .unwrap()
        .remove("client_certificate");
    let [key, secret] = make_merchant(port, &merchant);
    let keys = [("api-key", key.as_str()), ("api-secret", secret.as_str())];
    let mut answered: Vec<(String, Value)> = Vec::new();
    let mut refused = 0;
    for number in 0..4000 {
        let number = format!("N-{number}");
        let order = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
            "attach": "x".repeat(100), "notify_url": format!("http://127.0.0.1:{wechat_port}/shop/notify"),
        });
        let made = ask("POST", &at("/v1/order"), &keys, &order.to_string()).unwrap();
        match made["status"].as_str() {
            Some("success") => answered.push((number, made["data"]["code_url"].clone())),
            _ => {
                // A file that may not grow is an error of the disk for SQLite, and not a full one.
                assert!(
                    ["DISK_FULL", "DISK_UNUSABLE"].contains(&made["code"].as_str().unwrap()),
                    "{made}"
                );
                refused += 1;
            }
        }
        if refused >= 5 {
            break;
        }
    }
    assert!(
        refused >= 5,
        "the disk was never full: {} orders",
        answered.len()
    );
    assert!(!answered.is_empty());
    // A payment arrives while nothing can be written: its notice is not taken.
    let (number, code_url) = answered.last().unwrap().clone();
    let scan = json!({"code_url": code_url, "payer": "alice", "action": "pay"});
    let scan_at = format!("http://127.0.0.1:{wechat_port}/sandbox/scan");
    let paid = ask("POST", &scan_at, &[], &scan.to_string()).unwrap();
    assert_eq!(paid["ok"], true, "{paid}");
    drop(running);
    let log = std::fs::read_to_string(directory.join("log")).unwrap();
    assert!(
        log.contains("disk I/O error") || log.contains("disk is full"),
        "{log}"
    );

    // There is room again.
    let _running = gateway(port, wechat_port, &directory, 400_000);
    wait_for(|| {
        let found = at(&format!("/v1/order?out_trade_no={number}"));
        let found = ask("GET", &found, &keys, "").ok()?;
        (found["data"]["trade_state"] == "SUCCESS").then_some(())
    });
    for (number, _) in &answered[..answered.len() - 1] {
        let timeline = at(&format!("/v1/timeline?out_trade_no={number}"));
        let found = ask("GET", &timeline, &keys, "").unwrap();
        assert_eq!(found["status"], "success", "{number}: {found}");
    }
    let _ = std::fs::remove_dir_all(&directory);
}

#[test]
fn what_cannot_be_used_is_named_before_anything_is_served() {
    let directory = directory("unusable");
    let file = directory.join("file");
    std::fs::write(&file, "this is no directory").unwrap();
    let run = |data: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_weceive"))
            .args(["serve", "--listen", "127.0.0.1:0", "--directory"])
            .arg(data)
            .arg("--pages")
            .arg(directory.join("pages"))
            .env("PUBLIC_URL", "http://127.0.0.1:1")
            .env("MASTER_KEY", "5a".repeat(32))
            .env("ADMIN_TOKEN", ADMIN_TOKEN)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    };
    for data in [&file, &file.join("below"), Path::new("/proc/weceive")] {
        let said = run(data);
        assert!(said.contains(data.to_str().unwrap()), "{said}");
        assert!(said.contains("cannot be used"), "{said}");
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "this is no directory"
    );
    let _ = std::fs::remove_dir_all(&directory);
}
