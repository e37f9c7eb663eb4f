//! A deployment is moved with `weceive export` and `weceive import`: from the
//! native program to the real Worker and back, while orders are in every state.

use serde_json::{Value, json};
use std::fs;
use std::io::copy;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;
use testkit::demo::MERCHANTS;
use testkit::native::Runtime;
use testkit::paths;
use testkit::workerd::{System, Workerd, free_ports};
use tests::live::{Receiver, Shop, send, wait_for};
use wechatpay::v2::notify::ACK_OK;

const ADMIN: (&str, &str) = ("authorization", "Bearer admin-token-of-a-test");

/// The deployment's lasting address, which leads to one of several.
struct Front {
    port: u16,
    target: Arc<AtomicU16>,
}

impl Front {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(0));
        let leads = target.clone();
        thread::spawn(move || {
            for near in listener.incoming() {
                let Ok(near) = near else { return };
                let port = leads.load(Ordering::SeqCst);
                thread::spawn(move || {
                    let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else {
                        return;
                    };
                    let (mut in_near, mut in_far) =
                        (near.try_clone().unwrap(), far.try_clone().unwrap());
                    let (mut out_near, mut out_far) = (near, far);
                    thread::spawn(move || {
                        let _ = copy(&mut in_near, &mut out_far);
                        let _ = out_far.shutdown(std::net::Shutdown::Write);
                    });
                    let _ = copy(&mut in_far, &mut out_near);
                    let _ = out_near.shutdown(std::net::Shutdown::Write);
                });
            }
        });
        Self { port, target }
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Several deployments with one address and one WeChat.
struct Move {
    directory: PathBuf,
    front: Front,
    wechat: System,
    _wechat: Workerd,
}

/// A gateway that runs.
struct Running {
    name: &'static str,
    port: u16,
    _process: Workerd,
}

impl Move {
    fn begin(name: &str) -> Self {
        let directory = paths::root().join("target/live").join(name);
        let _ = fs::remove_dir_all(&directory);
        let [port, tls, tls_2] = free_ports().unwrap();
        let wechat = System {
            runtime: Runtime::Native,
            ..System::new(directory.join("wechat"), 0, port, [tls, tls_2])
        };
        let running = wechat.start_sandbox().unwrap();
        fs::create_dir_all(&directory).unwrap();
        Self {
            front: Front::start(),
            wechat,
            _wechat: running,
            directory,
        }
    }

    fn deployment(&self, name: &'static str, runtime: Runtime) -> Running {
        let [port] = free_ports().unwrap();
        let system = System {
            gateway_port: Some(port),
            directory: self.directory.join(name),
            runtime,
            public_url: Some(self.front.origin()),
            ..self.wechat.clone()
        };
        let process = system.start_gateway(self.wechat.sandbox_port).unwrap();
        let running = Running {
            name,
            port,
            _process: process,
        };
        self.profile(&running);
        running
    }

    /// Adds the deployment to the profiles.
    fn profile(&self, running: &Running) {
        let path = self.profiles();
        let mut text = fs::read_to_string(&path).unwrap_or_default();
        let (name, port) = (running.name, running.port);
        text.push_str(&format!(
            "[{name}]\nurl = \"http://127.0.0.1:{port}\"\nadmin_token = \"admin-token-of-a-test\"\n"
        ));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn profiles(&self) -> PathBuf {
        self.directory.join("profiles.toml")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(paths::weceive().unwrap());
        command
            .args(arguments)
            .env("WECEIVE_PROFILES", self.profiles());
        command
    }

    fn weceive(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    #[track_caller]
    fn does(&self, arguments: &[&str]) -> Value {
        let output = self.weceive(&[arguments, &["--json", "--yes"]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command and kills it soon.
    fn interrupted(&self, arguments: &[&str]) {
        let mut command = self.command(&[arguments, &["--yes"]].concat());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(700));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], why: &str) {
        let output = self.weceive(&[arguments, &["--yes"]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(error.contains(why), "{arguments:?}: {error}");
    }

    /// Moves a deployment, and leads its address to the other one.
    fn moves(&self, from: &Running, to: &Running) {
        let file = self.file(&format!("{}.weceive", from.name));
        let path = file.to_str().unwrap();
        self.does(&["export", path, "--profile", from.name]);
        let serves = self.does(&["import", path, "--profile", to.name, "--from", from.name]);
        assert_eq!(serves["serves"], true, "{serves}");
        self.front.target.store(to.port, Ordering::SeqCst);
    }

    fn control(&self, path: &str, body: &Value) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.wechat.sandbox_port);
        let kind = [("content-type", "application/json")];
        send("POST", &url, &kind, body.to_string()).json()
    }

    fn shop(&self, id: &str) -> Shop {
        let kind = MERCHANTS.iter().find(|kind| kind.id == id).unwrap();
        let url = format!(
            "http://127.0.0.1:{}/sandbox/merchants",
            self.wechat.sandbox_port
        );
        let all = send("GET", &url, &[], "").json();
        let accounts = all["merchants"].as_array().unwrap();
        let account = accounts.iter().find(|one| one["mch_id"] == kind.mch_id);
        let body = kind.admin_body(account.unwrap(), &self.front.origin());
        let url = format!("{}/admin/merchants", self.front.origin());
        let made = send("POST", &url, &[ADMIN], body.to_string()).json();
        let text = |name: &str| made["data"][name].as_str().unwrap().to_owned();
        Shop {
            gateway: self.front.origin(),
            id: text("id"),
            api_key: text("api-key"),
            api_secret: text("api-secret"),
        }
    }

    fn pays(&self, code_url: &Value, payer: &str) {
        let body = json!({"code_url": code_url, "payer": payer, "action": "pay"});
        let paid = self.control("/sandbox/scan", &body);
        assert_eq!(paid["ok"], true, "{paid}");
    }
}

fn data(shop: &Shop, method: &str, path: &str, body: &Value) -> Value {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let answer = shop.call(method, path, body);
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
    answer.json()["data"].clone()
}

/// What a merchant sees, without what changes while an attempt is repeated.
fn seen(shop: &Shop) -> Vec<(&'static str, Value)> {
    [
        "/v1/orders",
        "/v1/refunds",
        "/v1/checkouts",
        "/v1/links",
        "/v1/events",
        "/v1/keys",
        "/v1/brand",
        "/v1/settings",
        "/v1/audit",
        "/v1/totals?from=2026-01-01&to=2026-12-31",
    ]
    .into_iter()
    .map(|path| (path, data(shop, "GET", path, &Value::Null)))
    .collect()
}

/// A payer who has not entered the password of a Quick Pay yet.
fn shown_code(moved: &Move) -> Value {
    let body = json!({"payer": "bob", "behaviour": "password"});
    let shown = moved.control("/sandbox/paycode", &body);
    ["auth_code", "code", "paycode"]
        .iter()
        .map(|name| shown[*name].clone())
        .find(|code| code.is_string())
        .unwrap_or_else(|| panic!("{shown}"))
}

#[test]
fn a_deployment_moves_to_workers_and_back_with_orders_in_every_state() {
    let moved = Move::begin("transfer");
    let first = moved.deployment("first", Runtime::Native);
    moved.front.target.store(first.port, Ordering::SeqCst);
    // Two of them share an account at WeChat.
    let (tea, v3, till) = (
        moved.shop("demo"),
        moved.shop("demo-v3"),
        moved.shop("lantern-v3"),
    );
    let good = Receiver::good();
    let failing = Receiver::start(vec![
        (500, "", Duration::ZERO),
        (500, "", Duration::ZERO),
        (200, ACK_OK, Duration::ZERO),
    ]);
    // Not paid, delivered, not acknowledged, closed.
    let open = tea.native("OPEN", Some(&good.url));
    let sold = v3.native("SOLD", Some(&good.url));
    moved.pays(&sold["code_url"], "bob");
    let waiting = tea.native("WAITS", Some(&failing.url));
    moved.pays(&waiting["code_url"], "alice");
    wait_for("a refused delivery", || failing.received().first().cloned());
    tea.native("CLOSED", None);
    data(
        &tea,
        "POST",
        "/v1/close",
        &json!({"out_trade_no": "CLOSED"}),
    );
    wait_for("the payment", || {
        (v3.state("SOLD") == "SUCCESS").then_some(())
    });
    // A refund that WeChat has not ended.
    let refund = json!({"out_trade_no": "SOLD", "refund_fee": 50, "out_refund_no": "BACK"});
    data(&v3, "POST", "/v1/refund", &refund);
    // A Quick Pay whose payer has not entered the password.
    let quick = json!({
        "out_trade_no": "TILL", "body": "Tea", "total_fee": 150, "auth_code": shown_code(&moved),
    });
    let at_till = till.call("POST", "/v1/micropay", quick.to_string());
    assert!([200, 202].contains(&at_till.status), "{}", at_till.text());
    // A checkout, a link, an endpoint, a key.
    let checkout = json!({"out_trade_no": "SHOP", "body": "Tea", "total_fee": 150});
    let checkout = data(&tea, "POST", "/v1/checkout", &checkout);
    let link = json!({"body": "Tea", "total_fee": 150, "stock": 4});
    let link = data(&tea, "POST", "/v1/link", &link);
    data(
        &tea,
        "POST",
        "/v1/endpoints",
        &json!({"url": "http://127.0.0.1:9/nothing"}),
    );
    let scopes = json!({"name": "till", "scopes": ["orders:read"]});
    let key = data(&tea, "POST", "/v1/keys", &scopes)["key"].clone();

    // The Worker's deployment has the same address and serves nothing yet.
    let worker = moved.deployment("worker", Runtime::Workerd);
    let shops = [&tea, &v3];
    let before: Vec<_> = shops.into_iter().map(seen).collect();
    let file = moved.file("first.weceive");
    let path = file.to_str().unwrap();
    // Killed in the middle, both commands continue.
    moved.interrupted(&["export", path, "--profile", "first"]);
    moved.does(&["export", path, "--profile", "first"]);
    // The deployment is closed: nothing is sold, no notice is taken.
    let refused = tea.call("GET", "/v1/order?out_trade_no=OPEN", "");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["code"], "DEPLOYMENT_CLOSED");
    // Nothing is served there before the release, and not both after it.
    moved.interrupted(&["import", path, "--profile", "worker"]);
    let written = moved.does(&["import", path, "--profile", "worker"]);
    assert_eq!(written["serves"], false);
    moved.front.target.store(worker.port, Ordering::SeqCst);
    let refused = tea.call("GET", "/v1/order?out_trade_no=OPEN", "");
    assert_eq!(refused.json()["code"], "DEPLOYMENT_CLOSED");
    moved.does(&["import", path, "--profile", "worker", "--from", "first"]);
    // A second time it changes nothing.
    moved.does(&["import", path, "--profile", "worker", "--from", "first"]);
    moved.refuses(
        &["export", "--reopen", "--profile", "first"],
        "EXPORT_RELEASED",
    );
    moved.front.target.store(first.port, Ordering::SeqCst);
    let refused = tea.call("GET", "/v1/order?out_trade_no=OPEN", "");
    assert_eq!(refused.json()["code"], "DEPLOYMENT_CLOSED");
    moved.front.target.store(worker.port, Ordering::SeqCst);
    agree(&shops, &before);
    // What waited goes on.
    moved.pays(&open["code_url"], "alice");
    wait_for("the payment there", || {
        (tea.state("OPEN") == "SUCCESS").then_some(())
    });
    wait_for("its delivery", || {
        (good.received().len() >= 2).then_some(())
    });
    let link_id = link["id"].as_str().unwrap();
    let page = send(
        "GET",
        &format!("{}/pay/?l={link_id}", moved.front.origin()),
        &[],
        "",
    );
    assert_eq!(page.status, 200, "{}", page.text());
    let by_key = [("api-key", key.as_str().unwrap())];
    let url = format!("{}/v1/order?out_trade_no=OPEN", moved.front.origin());
    assert_eq!(send("GET", &url, &by_key, "").status, 200);

    // And back to the native program.
    let last = moved.deployment("last", Runtime::Native);
    let before: Vec<_> = shops.into_iter().map(seen).collect();
    moved.moves(&worker, &last);
    drop(worker);
    agree(&shops, &before);
    wait_for("the repeated delivery", || {
        (failing.received().len() >= 3).then_some(())
    });
    let settled = json!({"status": "SUCCESS"});
    moved.control("/sandbox/refunds/1900000109/BACK", &settled);
    wait_for("the refund", || {
        let refunds = data(&v3, "GET", "/v1/refunds", &Value::Null);
        refunds.to_string().contains("SUCCESS").then_some(())
    });
    wait_for("the end of the Quick Pay", || {
        let state = till.state("TILL");
        ["REVOKED", "SUCCESS"]
            .contains(&state.as_str())
            .then_some(())
    });
    let shown = send("GET", checkout["url"].as_str().unwrap(), &[], "");
    assert_eq!(shown.status, 200, "{}", shown.text());
    let healthy = send(
        "GET",
        &format!("{}/admin/merchants", moved.front.origin()),
        &[ADMIN],
        "",
    );
    assert_eq!(
        healthy.json()["data"]["merchants"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    drop((first, last));
    let _ = fs::remove_dir_all(&moved.directory);
}

#[track_caller]
fn agree(shops: &[&Shop; 2], before: &[Vec<(&'static str, Value)>]) {
    for (shop, before) in shops.iter().zip(before) {
        for ((path, before), (_, after)) in before.iter().zip(seen(shop)) {
            assert_eq!(&after, before, "{path} of {}", shop.id);
        }
    }
}
