//! The commands that call a deployment, and `sign explain`.

use crate::shop::{Shop, run, text};
use crate::system::{directory, free_port, wait_for, weceive};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

#[test]
fn a_merchant_can_do_its_work_in_the_terminal() {
    let shop = Shop::open("shop");
    shop.order("T1");
    shop.order("T2");
    let list = shop.text(&["orders", "list", "state=NOTPAY"]);
    assert!(list.contains("T1") && list.contains("1.50 HKD"), "{list}");
    assert_eq!(shop.text(&["orders", "close", "T2"]), "T2 is CLOSED\n");
    let pay =
        json!({"mch_id": "1900000109", "out_trade_no": "T1", "payer": "alice", "action": "pay"});
    shop.wechat("POST", "/sandbox/pay", &pay.to_string());
    wait_for(|| {
        let shown = shop.json(&["orders", "show", "T1"]);
        (shown["order"]["trade_state"] == "SUCCESS").then_some(())
    });
    let shown = shop.text(&["orders", "show", "T1", "--refresh"]);
    assert!(shown.contains("T1  1.50 HKD  SUCCESS  NATIVE"), "{shown}");
    assert!(
        shown.contains("transaction_id") && shown.contains("WeChat's answer"),
        "{shown}"
    );
    // One page at a time shows the same rows as all pages together.
    assert_eq!(
        shop.json(&["orders", "list", "--all"])["orders"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let first = shop.text(&["orders", "list", "--limit", "1"]);
    assert!(first.contains("There are more"), "{first}");
    let csv = shop.text(&["orders", "list", "--csv", "state=SUCCESS"]);
    assert!(
        csv.starts_with("\u{feff}out_trade_no,") && csv.lines().count() == 2,
        "{csv}"
    );
    wait_for(|| {
        let list = shop.text(&["deliveries", "list", "state=acknowledged"]);
        list.contains("T1").then_some(())
    });
    assert!(
        shop.text(&["deliveries", "resend", "1"])
            .starts_with("1 is ")
    );
    let totals = shop.text(&["totals", "2020-01-01", "2029-12-31", "--by", "month"]);
    assert!(
        totals.contains("1.50 HKD") && totals.contains("sum"),
        "{totals}"
    );
    let link = shop.json(&["links", "new", "body=Oolong", "total_fee=8800", "stock=20"]);
    let id = link["id"].as_str().unwrap();
    assert_eq!(shop.json(&["links", "off", id])["active"], false);
    assert!(
        shop.text(&["links", "list", "active=false"])
            .contains("88.00 HKD")
    );
    assert_eq!(shop.json(&["links", "on", id])["active"], true);
    let report = shop.json(&["merchants", "report", "demo"]);
    assert!(report["counters"].is_object(), "{report}");
}

#[test]
fn a_refund_needs_a_confirmation_and_is_made_once() {
    let shop = Shop::open("refund");
    shop.order("R1");
    let pay =
        json!({"mch_id": "1900000109", "out_trade_no": "R1", "payer": "alice", "action": "pay"});
    shop.wechat("POST", "/sandbox/pay", &pay.to_string());
    wait_for(|| {
        let shown = shop.json(&["orders", "show", "R1"]);
        (shown["order"]["trade_state"] == "SUCCESS").then_some(())
    });
    let (code, said) = shop.refused(&["orders", "refund", "R1", "50"]);
    assert_eq!(code, 1);
    assert!(
        said.contains("Refund 0.50 HKD of the 1.50 HKD") && said.contains("--yes"),
        "{said}"
    );
    assert_eq!(
        shop.json(&["orders", "list"])["orders"][0]["refunded_amount"],
        0
    );
    let (code, said) = shop.refused(&["orders", "refund", "R1", "151", "--yes"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("REFUND"), "{said}");
    let refunded = shop.json(&["orders", "refund", "R1", "50", "--yes"]);
    assert_eq!(refunded["refund_status"], "PROCESSING", "{refunded}");
    let again = shop.text(&["orders", "refund", "R1", "50", "--yes"]);
    assert!(again.starts_with("R1-R50  0.50 HKD  "), "{again}");
    assert_eq!(
        shop.json(&["orders", "list"])["orders"][0]["refunded_amount"],
        50
    );
    let other = [
        "orders", "refund", "R1", "50", "--reason", "sold out", "--yes",
    ];
    let (code, said) = shop.refused(&other);
    assert_eq!((code, said.contains("reason")), (3, true), "{said}");
    let other = [
        "orders", "refund", "R1", "100", "--number", "back-2", "--yes",
    ];
    let (code, said) = shop.refused(&other);
    // The same call can be repeated within a minute.
    assert_eq!(
        (code, said.contains("REFUND_TOO_SOON")),
        (4, true),
        "{said}"
    );
}

#[test]
fn failures_have_exit_codes_and_name_the_next_step() {
    let shop = Shop::open("codes");
    let (code, said) = shop.refused(&["orders", "show", "NONE"]);
    assert_eq!(
        (code, said.contains("ORDER_NOT_FOUND")),
        (3, true),
        "{said}"
    );
    let (code, said) = shop.refused(&["orders", "list", "colour=red"]);
    assert_eq!(
        (code, said.contains("FIELD_INVALID (colour)")),
        (3, true),
        "{said}"
    );
    assert_eq!(shop.refused(&["orders", "list", "colour"]).0, 2);
    let (code, said) = shop.refused(&["orders", "list", "--profile", "other"]);
    assert_eq!(
        (code, said.contains("profile set other")),
        (1, true),
        "{said}"
    );
    let (code, said) = shop.refused(&["merchants", "report", "../alarms"]);
    assert_eq!(
        (code, said.contains("no merchant's id")),
        (1, true),
        "{said}"
    );
    // The doctor finds what this test has not configured, and its exit code
    // shows that too.
    let found = shop.run(&["doctor"]);
    assert_eq!(found.status.code(), Some(5));
    assert!(
        text(&found.stdout).contains("PROBLEM"),
        "{}",
        text(&found.stdout)
    );
    assert_eq!(
        shop.run(&["merchants", "doctor", "demo"]).status.code(),
        Some(5)
    );
    let closed = free_port();
    let set = [
        "profile",
        "set",
        "gone",
        "--url",
        &format!("http://127.0.0.1:{closed}"),
    ];
    assert!(run(&shop.directory, &set, "k\ns\n").status.success());
    let (code, said) = shop.refused(&["orders", "list", "--profile", "gone"]);
    assert_eq!(
        (code, said.contains(&closed.to_string())),
        (4, true),
        "{said}"
    );
}

#[test]
fn keys_are_kept_from_other_users_and_from_every_output() {
    let directory = directory("profiles");
    let file = directory.join("profiles.toml");
    let set = [
        "profile",
        "set",
        "--url",
        "https://pay.example.com/somewhere",
    ];
    let output = run(&directory, &set, "key-of-test\nsecret-of-test\n");
    assert!(output.status.success());
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let list = text(&run(&directory, &["profile", "list"], "").stdout);
    assert!(
        list.contains("https://pay.example.com") && list.contains("api-secret"),
        "{list}"
    );
    assert!(!list.contains("of-test"), "{list}");
    // Keys are sent by HTTPS only, except to this machine.
    for url in [
        "http://pay.example.com",
        "ftp://127.0.0.1",
        "https://a:b@pay.example.com",
        "pay",
    ] {
        let output = run(&directory, &["profile", "set", "x", "--url", url], "k\n");
        assert_eq!(output.status.code(), Some(1), "{url}");
    }
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    let output = run(&directory, &["orders", "list"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("chmod 600"));
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(&file, "[default]\napi_key = secret-of-test\n").unwrap();
    let output = run(&directory, &["orders", "list"], "");
    let said = text(&output.stderr);
    assert!(
        said.contains("line 2") && !said.contains("of-test"),
        "{said}"
    );
    let _ = std::fs::remove_dir_all(&directory);
}

#[test]
fn a_signature_is_explained_on_this_machine() {
    let directory = directory("sign");
    let key = directory.join("v2.key");
    std::fs::write(&key, "192006250b4c09247ec02edce69f6a2d\n").unwrap();
    let key = key.to_str().unwrap();
    let document = |sign: &str| {
        format!(
            "<xml><appid>wxd930ea5d5a258f4f</appid><mch_id>10000100</mch_id><device_info>1000</device_info>\
             <body>test</body><nonce_str>ibuaiVcKdpRxkhJA</nonce_str><sign>{sign}</sign></xml>"
        )
    };
    // WeChat Pay v2 manual, section 4.3.1.
    let right = document("9A0A8659F005D6984697E2CA0A9CF3B7");
    let output = run(&directory, &["sign", "explain", "--key", key], &right);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("The signature holds"));
    let lower = document("9a0a8659f005d6984697e2ca0a9cf3b7");
    let output = run(
        &directory,
        &["sign", "explain", "--key", key, "--json"],
        &lower,
    );
    assert_eq!(output.status.code(), Some(5));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["mistakes"][0]["name"], "lower-case-sign");
    assert!(!text(&output.stdout).contains("192006250b4c09247ec02edce69f6a2d"));
    let output = run(&directory, &["sign", "explain", "--key", key], "hello");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        run(&directory, &["sign", "explain"], "").status.code(),
        Some(2)
    );
    let _ = std::fs::remove_dir_all(&directory);
}

#[test]
fn each_shell_has_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(Path::new("/"), &["completions", shell], "");
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("deliveries"), "{shell}");
        // A reader that stops early, as in `weceive completions bash | head`.
        let mut cut = weceive()
            .args(["completions", shell])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(cut.stdout.take());
        assert!(cut.wait().unwrap().success(), "{shell}");
    }
}
