//! A static host of the page: its files, as a merchant's own server or a CDN
//! would send them, with a strict Content-Security-Policy.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use serde_json::json;

use crate::{Demo, Failure, Result, http};

/// Serves files on loopback, below `/checkout/`, until the process ends.
#[derive(Debug)]
pub struct StaticHost {
    port: u16,
}

/// The data that each connection needs.
#[derive(Clone)]
struct Site {
    file: Arc<FileOf>,
    gateway: String,
}

/// The contents of a file, by its name.
type FileOf = dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync;

impl StaticHost {
    /// Serves the files that `file` returns, by name, on this port, or on a
    /// free port for 0. `gateway` is the setting that a merchant would write
    /// into `pay.html`.
    ///
    /// # Errors
    ///
    /// The port is in use.
    pub fn start(
        file: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
        gateway: &str,
        port: u16,
    ) -> Result<Self> {
        let failed = |said| {
            Failure::new(
                format!("serve the page's other host on port {port}"),
                said,
                "choose another --port",
            )
        };
        let listener = TcpListener::bind(("127.0.0.1", port)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let site = Site {
            file: Arc::new(file),
            gateway: gateway.to_owned(),
        };
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let site = site.clone();
                thread::spawn(move || site.answer(connection));
            }
        });
        Ok(Self { port })
    }

    /// Its origin, which the merchant registers.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of the page.
    #[must_use]
    pub fn page(&self) -> String {
        format!("{}/checkout/pay.html", self.origin())
    }
}

impl Demo {
    /// Registers this host for the demo shop, and adds the address of its
    /// checkout there to what is printed.
    ///
    /// # Errors
    ///
    /// The gateway refused the change.
    pub fn register(&mut self, host: &StaticHost) -> Result<()> {
        let Some(shop) = self.merchants.first() else {
            return Ok(());
        };
        let url = format!("{}/admin/merchants/{}", self.origins.gateway, shop.kind.id);
        let token = format!("Bearer {}", self.admin_token);
        let origins = json!({ "redirect_origins": [self.origins.sandbox, host.origin()] });
        http::patch(&url, &[("authorization", &token)], &origins)?
            .ok("register the page's other host")?;
        let query = shop.checkout.split_once('?').unwrap_or_default().1;
        self.hosted_page = Some(format!("{}?{query}", host.page()));
        Ok(())
    }
}

impl Site {
    /// Answers one request and closes the connection. A browser that goes away
    /// is no failure.
    fn answer(&self, mut connection: TcpStream) -> Option<()> {
        let mut head = BufReader::new(connection.try_clone().ok()?).lines();
        let first = head.next()?.ok()?;
        for line in head.by_ref() {
            if line.ok()?.is_empty() {
                break;
            }
        }
        let path = first.split(' ').nth(1)?.split('?').next()?;
        let name = path.strip_prefix("/checkout/").unwrap_or_default();
        let kind = content_type(name);
        let body = kind.and_then(|_| (self.file)(name));
        let (status, kind, body) = match (kind, body) {
            (Some(kind), Some(body)) => ("200 OK", kind, body),
            _ => ("404 Not Found", "text/plain", Vec::new()),
        };
        let body = match name {
            "pay.html" => self.with_gateway(&body),
            _ => body,
        };
        let gateway = &self.gateway;
        let sockets = gateway.replacen("http", "ws", 1);
        let policy = format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data: {gateway}; connect-src 'self' {gateway} {sockets}; \
             form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        );
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
             content-security-policy: {policy}\r\nreferrer-policy: strict-origin\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).ok()?;
        connection.write_all(&body).ok()
    }

    /// The page with the merchant's one setting.
    fn with_gateway(&self, html: &[u8]) -> Vec<u8> {
        const EMPTY: &str = r#"name="weceive-gateway" content="""#;
        let set = format!(r#"name="weceive-gateway" content="{}""#, self.gateway);
        let html = String::from_utf8_lossy(html).replacen(EMPTY, &set, 1);
        html.into_bytes()
    }
}

/// The type of a file; `None` for a name that is no plain file's.
fn content_type(name: &str) -> Option<&'static str> {
    if name.contains(['/', '\\', '%']) {
        return None;
    }
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "ico" => "image/x-icon",
        "png" => "image/png",
        _ => return None,
    })
}
