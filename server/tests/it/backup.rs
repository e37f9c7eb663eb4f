//! A backup is taken while orders arrive, and a restored deployment has them.

use crate::system::{
    ask, demo_merchant, directory, free_port, gateway, make_merchant, sandbox, wait_for, weceive,
};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn a_backup_under_load_is_restored_with_every_order_that_was_answered_before_it() {
    let directory = directory("backup");
    let (wechat_port, certified, port) = (free_port(), free_port(), free_port());
    let _wechat = sandbox(wechat_port, certified, &directory.join("sandbox.sqlite"));
    let running = gateway(port, wechat_port, certified, &directory);
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let merchant = demo_merchant(wechat_port);
    let [key, secret] = make_merchant(port, &merchant);
    let keys = [("api-key", key.as_str()), ("api-secret", secret.as_str())];
    let order = |number: &str| {
        let order = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
            "notify_url": format!("http://127.0.0.1:{wechat_port}/shop/notify"),
        });
        let made = ask("POST", &at("/v1/order"), &keys, &order.to_string()).unwrap();
        assert_eq!(made["status"], "success", "{made}");
    };
    for number in 0..20 {
        order(&format!("before-{number}"));
    }
    let target = directory.join("backup");
    let mut backup = weceive()
        .arg("backup")
        .arg("--directory")
        .arg(directory.join("data"))
        .arg(&target)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for number in 0..20 {
        order(&format!("meanwhile-{number}"));
    }
    assert!(backup.wait().unwrap().success());
    // A second backup does not overwrite the first.
    let again = weceive()
        .arg("backup")
        .arg("--directory")
        .arg(directory.join("data"))
        .arg(&target)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not empty"));

    // The data names payers: other users of the machine cannot read it.
    for private in [directory.join("data"), target.clone()] {
        let mode = std::fs::metadata(&private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", private.display());
    }

    drop(running);
    std::fs::rename(directory.join("data"), directory.join("lost")).unwrap();
    let restored = weceive()
        .arg("restore")
        .arg(&target)
        .arg("--directory")
        .arg(directory.join("data"))
        .status()
        .unwrap();
    assert!(restored.success());
    let _running = gateway(port, wechat_port, certified, &directory);
    for number in 0..20 {
        let path = format!("/v1/order?out_trade_no=before-{number}");
        let found = wait_for(|| ask("GET", &at(&path), &keys, "").ok());
        assert_eq!(found["data"]["trade_state"], "NOTPAY", "{found}");
    }
    // A damaged backup is refused before anything is copied.
    let book = target.join("books").join("demo.sqlite");
    let mut bytes = std::fs::read(&book).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&book, bytes).unwrap();
    let refused = weceive()
        .arg("restore")
        .arg(&target)
        .arg("--directory")
        .arg(directory.join("other"))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("damaged"));
    assert!(!directory.join("other").exists());
    let _ = std::fs::remove_dir_all(&directory);
}
