//! HTTPS served by the program itself, a proxy in front of the program, and
//! client certificates for WeChat Pay.

use crate::system::{
    ADMIN_TOKEN, Running, ask, demo_merchant, directory, free_port, make_merchant, sandbox, serve,
    wait_for, weceive,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// A certificate authority that exists for one test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Writes a certificate for this machine and its key; returns the paths of
    /// the two files.
    fn issue(&self, directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let files = (
            directory.join(format!("{name}.crt")),
            directory.join(format!("{name}.key")),
        );
        std::fs::write(&files.0, certificate.pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// The gateway with these arguments and settings.
fn serve_with(
    directory: &Path,
    port: u16,
    arguments: &[&str],
    settings: &[(&str, &str)],
) -> Running {
    let mut command = serve(port, directory);
    command.args(arguments).envs(settings.iter().copied());
    Running(command.spawn().unwrap())
}

/// The status line of `GET /healthz` by HTTPS, and the certificate.
fn healthz(port: u16, roots: RootCertStore) -> Option<(String, CertificateDer<'static>)> {
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", port)).ok()?;
    tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut tls = StreamOwned::new(connection, tcp);
    tls.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = [0; 17];
    tls.read_exact(&mut answer).ok()?;
    let certificate = tls.conn.peer_certificates()?.first()?.clone();
    Some((
        String::from_utf8_lossy(&answer).into_owned(),
        certificate.into_owned(),
    ))
}

#[test]
fn https_is_served_and_a_renewed_certificate_is_used_without_a_restart() {
    let directory = directory("tls");
    let (authority, port) = (Authority::new(), free_port());
    let (certificate, key) = authority.issue(&directory, "server");
    let arguments = [
        "--tls-certificate",
        certificate.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let _running = serve_with(&directory, port, &arguments, &[]);
    let (status, first) = wait_for(|| healthz(port, authority.roots()));
    assert_eq!(status, "HTTP/1.1 200 OK\r\n");
    // A certificate of another authority is refused.
    assert!(healthz(port, Authority::new().roots()).is_none());
    // A client that speaks HTTP gets nothing, and the next one is served.
    assert!(ask("GET", &format!("http://127.0.0.1:{port}/healthz"), &[], "").is_err());
    authority.issue(&directory, "server");
    // The files are looked at every five seconds.
    let begun = std::time::Instant::now();
    loop {
        let (status, now) = healthz(port, authority.roots()).unwrap();
        assert_eq!(status, "HTTP/1.1 200 OK\r\n");
        if now != first {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "not renewed");
        std::thread::sleep(Duration::from_millis(500));
    }
    let _ = std::fs::remove_dir_all(&directory);
}

#[test]
fn files_that_cannot_be_used_are_named_before_anything_starts() {
    let directory = directory("tls-wrong");
    let authority = Authority::new();
    let (certificate, _) = authority.issue(&directory, "one");
    let (_, other_key) = authority.issue(&directory, "other");
    let missing = directory.join("missing.key");
    for (key, expected) in [
        (&other_key, "do not belong together"),
        (&missing, "missing.key"),
    ] {
        let output = weceive()
            .args([
                "serve",
                "--listen",
                &format!("127.0.0.1:{}", free_port()),
                "--directory",
            ])
            .arg(directory.join("data"))
            .arg("--pages")
            .arg(directory.join("pages"))
            .arg("--tls-certificate")
            .arg(&certificate)
            .arg("--tls-key")
            .arg(key)
            .env("PUBLIC_URL", "https://pay.example.com")
            .env("MASTER_KEY", "5a".repeat(32))
            .env("ADMIN_TOKEN", ADMIN_TOKEN)
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected) && !said.contains("BEGIN"), "{said}");
    }
    let _ = std::fs::remove_dir_all(&directory);
}

/// After twenty wrong keys an address gets answers without a reason, and
/// another address still gets the reason: so the answers show which address is
/// limited.
#[test]
fn a_trusted_proxy_says_for_whom_a_request_is_and_a_client_cannot() {
    let directory = directory("proxy");
    let flood = |port: u16| {
        let url = format!("http://127.0.0.1:{port}/v1/order?out_trade_no=1");
        wait_for(|| ask("GET", &format!("http://127.0.0.1:{port}/healthz"), &[], "").ok());
        let from = |address: &str| {
            let headers = [("api-key", "wrong"), ("x-forwarded-for", address)];
            ask("GET", &url, &headers, "").unwrap()["code"].clone()
        };
        let is_limited = (0..100).any(|_| from("198.51.100.1") == "TOO_MANY_WRONG_KEYS");
        assert!(is_limited, "no limit");
        from("198.51.100.2")
    };
    let port = free_port();
    let running = serve_with(
        &directory,
        port,
        &["--threads", "1", "--trusted-proxy", "127.0.0.0/8"],
        &[],
    );
    assert_eq!(flood(port), "API_KEY_UNKNOWN");
    drop(running);
    let port = free_port();
    let _running = serve_with(
        &directory,
        port,
        &["--threads", "1", "--trusted-proxy", "10.0.0.1"],
        &[],
    );
    assert_eq!(flood(port), "TOO_MANY_WRONG_KEYS");
    let _ = std::fs::remove_dir_all(&directory);
}

/// A server with TLS in front of the sandbox, as WeChat Pay has one: it adds
/// the header that names the client certificate of a request. The certificates
/// that were presented arrive at the receiver.
fn with_tls(
    authority: &Authority,
    directory: &Path,
    sandbox: u16,
) -> (u16, mpsc::Receiver<CertificateDer<'static>>) {
    let (certificate, key) = authority.issue(directory, "wechat");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(authority.roots());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .allow_unauthenticated()
        .build()
        .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(certificate).unwrap()],
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    let (sender, presented) = mpsc::channel();
    std::thread::spawn(move || {
        for tcp in listener.incoming().take(50).flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            // A connection that breaks off has no more requests.
            let _ = relay(StreamOwned::new(connection, tcp), sandbox, &sender);
        }
    });
    (port, presented)
}

/// Passes one request on, and its answer back.
fn relay(
    mut tls: StreamOwned<ServerConnection, TcpStream>,
    sandbox: u16,
    presented: &mpsc::Sender<CertificateDer<'static>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        tls.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let mut head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    tls.read_exact(&mut body)?;
    head.truncate(head.len() - 2);
    head.push_str("Connection: close\r\n");
    if let Some(chain) = tls.conn.peer_certificates() {
        head.push_str("X-Sandbox-Client-Certificate: 1900000109\r\n");
        let _ = presented.send(chain[0].clone().into_owned());
    }
    head.push_str("\r\n");
    let mut tcp = TcpStream::connect(("127.0.0.1", sandbox))?;
    tcp.write_all(head.as_bytes())?;
    tcp.write_all(&body)?;
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer)?;
    tls.write_all(&answer)?;
    tls.conn.send_close_notify();
    tls.flush()
}

#[test]
fn a_refund_is_sent_with_the_merchants_client_certificate() {
    let directory = directory("mtls");
    let authority = Authority::new();
    let (certificate, _) = authority.issue(&directory, "apiclient");
    let roots = directory.join("roots.pem");
    std::fs::write(&roots, authority.0.pem()).unwrap();
    let sandbox_port = free_port();
    let _wechat = sandbox(sandbox_port, free_port(), &directory.join("sandbox.sqlite"));
    let (wechat_port, presented) = with_tls(&authority, &directory, sandbox_port);
    let settings = directory.join("settings.toml");
    std::fs::write(
        &settings,
        format!(
            "WECHATPAY = \"https://localhost:{wechat_port}\"\n\
             WECHATPAY_MTLS = {{ certificate = \"apiclient.crt\", key = \"apiclient.key\" }}\n"
        ),
    )
    .unwrap();
    let port = free_port();
    let arguments = ["--settings", settings.to_str().unwrap()];
    let trusted = [("SSL_CERT_FILE", roots.to_str().unwrap())];
    let _running = serve_with(&directory, port, &arguments, &trusted);
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let wechat = |path: &str| format!("http://127.0.0.1:{sandbox_port}{path}");
    wait_for(|| ask("GET", &at("/healthz"), &[], "").ok());
    let merchant = demo_merchant(sandbox_port);
    let [key, _] = make_merchant(port, &merchant);
    let code = ask(
        "POST",
        &wechat("/sandbox/paycode"),
        &[],
        r#"{"payer":"alice"}"#,
    )
    .unwrap();
    let pay = json!({
        "out_trade_no": "Q1", "body": "Tea", "total_fee": 100, "auth_code": code["auth_code"],
    });
    let paid = ask(
        "POST",
        &at("/v1/micropay"),
        &[("api-key", &key)],
        &pay.to_string(),
    )
    .unwrap();
    assert_eq!(paid["data"]["trade_state"], "SUCCESS", "{paid}");
    assert!(presented.try_recv().is_err(), "a Quick Pay is sent without");
    let refund = at("/v1/refund?out_trade_no=Q1&refund_fee=40");
    let refunded = ask("POST", &refund, &[("api-key", &key)], "").unwrap();
    assert_eq!(
        refunded["data"]["refund_status"], "PROCESSING",
        "{refunded}"
    );
    let expected = CertificateDer::from_pem_file(certificate).unwrap();
    assert_eq!(
        presented.recv_timeout(Duration::from_secs(1)).unwrap(),
        expected
    );
    let _ = std::fs::remove_dir_all(&directory);
}

/// The merchant's own key: WeChat's platform makes RSA keys.
const MERCHANT_KEY: &str = include_str!("../../../sandbox/src/keys/merchant_1900000109.key.pem");

#[test]
fn a_client_certificate_that_was_entered_is_sealed_presented_and_tried_by_the_doctor() {
    let directory = directory("own-mtls");
    let authority = Authority::new();
    let roots = directory.join("roots.pem");
    std::fs::write(&roots, authority.0.pem()).unwrap();
    let key = KeyPair::from_pem(MERCHANT_KEY).unwrap();
    let certificate = CertificateParams::new(vec!["merchant".to_owned()])
        .unwrap()
        .signed_by(&key, &authority.0)
        .unwrap();
    let sandbox_port = free_port();
    let _wechat = sandbox(sandbox_port, free_port(), &directory.join("sandbox.sqlite"));
    let (wechat_port, presented) = with_tls(&authority, &directory, sandbox_port);
    let port = free_port();
    let wechat_origin = format!("https://localhost:{wechat_port}");
    let settings = [
        ("SSL_CERT_FILE", roots.to_str().unwrap()),
        ("WECHATPAY", wechat_origin.as_str()),
    ];
    let _running = serve_with(&directory, port, &[], &settings);
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    wait_for(|| ask("GET", &at("/healthz"), &[], "").ok());
    let mut merchant = demo_merchant(sandbox_port);
    merchant
        .as_object_mut()
        .unwrap()
        .remove("client_certificate");
    let admin = format!("Bearer {ADMIN_TOKEN}");
    let admin = [("authorization", admin.as_str())];
    let [key, secret] = make_merchant(port, &merchant);
    let keys = [("api-key", key.as_str()), ("api-secret", secret.as_str())];
    let order = json!({
        "out_trade_no": "O1", "body": "Tea", "total_fee": 100, "trade_type": "NATIVE",
    });
    let order = ask("POST", &at("/v1/order"), &keys, &order.to_string()).unwrap();
    let scan = json!({"code_url": order["data"]["code_url"], "payer": "alice", "action": "pay"});
    let wechat = format!("http://127.0.0.1:{sandbox_port}/sandbox/scan");
    ask("POST", &wechat, &[], &scan.to_string()).unwrap();
    let found = at("/v1/order?out_trade_no=O1");
    wait_for(|| {
        let order = ask("GET", &found, &keys, "").unwrap();
        (order["data"]["trade_state"] == "SUCCESS").then_some(())
    });
    // Without a certificate nothing is written and nothing is sent.
    let refund = at("/v1/refund?out_trade_no=O1&refund_fee=40");
    let refused = ask("POST", &refund, &keys, "").unwrap();
    assert_eq!(refused["code"], "CLIENT_CERTIFICATE_MISSING", "{refused}");
    assert_eq!(refused["field"], "client_certificate", "{refused}");

    let file = directory.join("credentials.json");
    let rotate = |credentials: &serde_json::Value| {
        std::fs::write(&file, credentials.to_string()).unwrap();
        let output = weceive()
            .args(["merchants", "rotate", "demo", "--json", "--credentials"])
            .arg(&file)
            .env("WECEIVE_PROFILES", directory.join("none.toml"))
            .env("WECEIVE_URL", format!("http://127.0.0.1:{port}"))
            .env("WECEIVE_ADMIN_TOKEN", ADMIN_TOKEN)
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    // Another key's certificate, one without its key, a key without a certificate.
    let (other, _) = authority.issue(&directory, "other");
    let other = std::fs::read_to_string(other).unwrap();
    let certificate = certificate.pem();
    for (wrong, field) in [
        (
            json!({"certificate": other, "private_key": MERCHANT_KEY}),
            "certificate",
        ),
        (json!({"certificate": certificate}), "private_key"),
        (json!({"private_key": MERCHANT_KEY}), "certificate"),
    ] {
        let (code, said) = rotate(&wrong);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(field), "{said}");
    }
    let (code, said) = rotate(&json!({"certificate": certificate, "private_key": MERCHANT_KEY}));
    assert_eq!(code, Some(0), "{said}");

    // Threads remember a merchant for half a minute.
    let refunded = wait_for_minute(|| {
        let refunded = ask("POST", &refund, &keys, "").unwrap();
        (refunded["code"] != "CLIENT_CERTIFICATE_MISSING").then_some(refunded)
    });
    assert_eq!(
        refunded["data"]["refund_status"], "PROCESSING",
        "{refunded}"
    );
    let expected = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    assert_eq!(
        presented.recv_timeout(Duration::from_secs(5)).unwrap(),
        expected
    );
    let doctor = ask("GET", &at("/admin/merchants/demo/doctor"), &admin, "").unwrap();
    let checks = doctor["data"]["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["name"] == "client_certificate");
    assert_eq!(check.unwrap()["ok"], true, "{doctor}");
    // It is in no file in plain text, and in no answer.
    for entry in std::fs::read_dir(directory.join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let bytes = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!bytes.contains("PRIVATE KEY"), "{}", path.display());
        }
    }
    let shown = ask("GET", &at("/admin/merchants/demo"), &admin, "").unwrap();
    assert!(!shown.to_string().contains("PRIVATE KEY"), "{shown}");
    let _ = std::fs::remove_dir_all(&directory);
}

/// As `wait_for`, for what a thread remembers for half a minute.
fn wait_for_minute<T>(mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not within a minute");
}
