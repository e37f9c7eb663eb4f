//! The deployment under plain `workerd`, as `deploy/workerd.capnp` describes it.

use serde_json::json;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use testkit::child_guard::ChildGuard;
use testkit::demo::wipe;
use testkit::paths;
use testkit::workerd::free_ports;
use tests::live::{Answer, send, wait_for};

const ADMIN: (&str, &str) = ("authorization", "Bearer admin-token-of-production");

/// Runs `workerd` with a description until the test ends.
fn workerd(name: &str, port: u16, more: &dyn Fn(&mut Command)) -> ChildGuard {
    let mut command = Command::new(paths::workerd().unwrap());
    command
        .current_dir(paths::root())
        .args(["serve", "--experimental"]);
    more(&mut command);
    let log = paths::root().join(format!("target/live/{name}.log"));
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    let mut running = ChildGuard::start(name, &command, &log).unwrap();
    wait_for("a connection", || {
        running
            .alive()
            .unwrap_or_else(|failure| panic!("{failure}"));
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    running
}

#[test]
fn the_production_description_serves_without_development_settings() {
    let [port] = free_ports().unwrap();
    let store = paths::root().join("target/live/production");
    wipe(&store).unwrap();
    fs::create_dir_all(&store).unwrap();
    let _running = workerd("production", port, &|command| {
        command
            .arg(format!("--socket-addr=gateway=127.0.0.1:{port}"))
            .arg(format!(
                "--directory-path=gateway-store={}",
                store.display()
            ))
            .args(["--directory-path=pages=dist", "deploy/workerd.capnp"])
            .env("PUBLIC_URL", "https://pay.example.com")
            .env("MASTER_KEY", "5a".repeat(32))
            .env("ADMIN_TOKEN", "admin-token-of-production");
    });
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    assert_eq!(send("GET", &at("/healthz"), &[], "").status, 200);
    let style = send("GET", &at("/docs.css"), &[], "");
    assert_eq!(style.status, 200, "the pages are there: {}", style.text());
    let merchant = json!({
        "id": "tea", "name": "Tea", "fee_type": "HKD", "appid": "wx5a11d0b0c0ffee01",
        "mch_id": "1900000109", "api_key": "weceive-sandbox-demo-key-0000001",
    });
    let made = send(
        "POST",
        &at("/admin/merchants"),
        &[ADMIN],
        merchant.to_string(),
    );
    assert_eq!(made.status, 200, "{}", made.text());
    let key = made.json()["data"]["api-key"].as_str().unwrap().to_owned();
    // With development settings both addresses are accepted.
    for notify_url in ["http://127.0.0.1:8788/notify", "https://192.168.1.1/notify"] {
        let order = json!({
            "out_trade_no": "1", "body": "Tea", "total_fee": 150, "trade_type": "NATIVE",
            "notify_url": notify_url,
        });
        let refused = send(
            "POST",
            &at("/v1/order"),
            &[("api-key", &key)],
            order.to_string(),
        );
        let code = refused.json()["code"].clone();
        assert_eq!(code, "NOTIFY_URL_REFUSED", "{}", refused.text());
    }
}

/// What the Worker `egress.js` says about a request to this address.
fn reached(network: &str, url: &str) -> Answer {
    let [port] = free_ports().unwrap();
    let _running = workerd(&format!("egress-{network}"), port, &|command| {
        command
            .arg(format!("--socket-addr=probe=127.0.0.1:{port}"))
            .args(["tests/http/egress.capnp", network]);
    });
    send("POST", &format!("http://127.0.0.1:{port}/"), &[], url)
}

#[test]
fn the_production_network_reaches_no_private_address() {
    let private = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = private.local_addr().unwrap().port();
    private.set_nonblocking(true).unwrap();
    // A name that resolves to this machine, as a merchant's could.
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let answer = reached("production", &format!("http://{host}:{port}/"));
        assert_eq!(answer.status, 502, "{host}: {}", answer.text());
        let knocked = private.accept().map(drop).map_err(|error| error.kind());
        assert_eq!(knocked, Err(ErrorKind::WouldBlock), "{host}");
    }
    // The same Worker with another network arrives, so the test can fail.
    let open = std::thread::scope(|scope| {
        let asking = scope.spawn(|| reached("open", &format!("http://127.0.0.1:{port}/")));
        let connection = wait_for("a connection", || private.accept().ok());
        drop(connection);
        asking.join().unwrap()
    });
    assert_eq!(open.status, 502, "{}", open.text());
}
