//! A person's browser at the console, and how people join a shop.

use gateway::Gateway;
use gateway::route::Role;
use gateway::runtime::{Request, Response};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use tests::memory::{GATEWAY, Memory};
use totp_rs::{Builder, Secret};

/// The password of every person.
pub const PASSWORD: &str = "correct horse battery";

/// A browser: its cookies, and the second factor's secret of its person.
#[derive(Clone)]
pub struct Browser {
    pub world: Memory,
    cookies: RefCell<BTreeMap<String, String>>,
    pub secret: RefCell<String>,
    address: String,
}

impl Browser {
    /// A browser without cookies.
    pub fn new(world: &Memory) -> Self {
        Self {
            world: world.clone(),
            cookies: RefCell::default(),
            secret: RefCell::default(),
            address: "203.0.113.7".to_owned(),
        }
    }

    /// A browser at this network address.
    pub fn at(world: &Memory, address: &str) -> Self {
        Self {
            address: address.to_owned(),
            ..Self::new(world)
        }
    }

    pub fn request(&self, method: &str, path: &str, body: &str) -> Request {
        let cookies = self.cookies.borrow();
        let cookies: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}{path}"))
            .header("origin", GATEWAY)
            .header("cookie", cookies.join("; "))
            .header("user-agent", "a browser")
            .header("cf-connecting-ip", &self.address)
            .body(body.as_bytes().to_vec())
            .unwrap()
    }

    fn keep(&self, answer: &Response) {
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let mut cookies = self.cookies.borrow_mut();
            match value {
                "" => cookies.remove(name),
                _ => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    /// A call of a new isolate: status and JSON.
    pub fn call(&self, method: &str, path: &str, body: impl ToString) -> (u16, Value) {
        self.call_at(&self.world.gateway(), method, path, body)
    }

    /// A call of this isolate.
    pub fn call_at(
        &self,
        gateway: &Gateway<Memory>,
        method: &str,
        path: &str,
        body: impl ToString,
    ) -> (u16, Value) {
        let request = self.request(method, path, &body.to_string());
        let answer = self.world.send_to(gateway, request);
        self.keep(&answer);
        let json = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status().as_u16(), json)
    }

    /// A call that must succeed; its `data`.
    pub fn done(&self, method: &str, path: &str, body: impl ToString) -> Value {
        let (status, answer) = self.call(method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer["data"].clone()
    }

    /// A call that must be refused with this code.
    pub fn refused(&self, method: &str, path: &str, body: impl ToString, code: &str) -> Value {
        let (status, answer) = self.call(method, path, body);
        assert!(status >= 400, "{method} {path}: {answer}");
        assert_eq!(answer["code"], code, "{method} {path}: {answer}");
        answer
    }

    pub fn me(&self) -> Value {
        self.done("GET", "/console/api/me", "")
    }

    pub fn id(&self) -> String {
        self.me()["person"]["id"].as_str().unwrap().to_owned()
    }

    pub fn cookie(&self) -> String {
        self.cookies.borrow()["__Host-weceive_console"].clone()
    }

    /// The code that the person's program shows.
    pub fn code(&self) -> String {
        code(&self.secret.borrow(), self.world.now())
    }

    /// Signs in, with a code where there is a second factor.
    pub fn sign_in(&self, login: &str, password: &str, code: Option<&str>) -> (u16, Value) {
        let body = json!({"login": login, "password": password, "code": code});
        self.call("POST", "/console/api/sign-in", body)
    }

    /// Sets up the second factor; the recovery codes.
    pub fn set_up_factor(&self) -> Vec<String> {
        let body = json!({ "password": PASSWORD });
        let begun = self.done("POST", "/console/api/totp", body);
        *self.secret.borrow_mut() = begun["secret"].as_str().unwrap().to_owned();
        let body = json!({ "code": self.code() });
        let confirmed = self.done("POST", "/console/api/totp/confirm", body);
        let codes = confirmed["recovery_codes"].as_array().unwrap().iter();
        codes
            .map(|code| code.as_str().unwrap().to_owned())
            .collect()
    }
}

/// The code of a secret at this time.
pub fn code(secret: &str, now_ms: i64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(now_ms / 1000).unwrap())
        .to_string()
}

/// The operator's invitation: its token.
pub fn invited(world: &Memory, merchant: &str, body: &Value) -> String {
    let (status, made) = world.admin(&format!("/merchants/{merchant}/invitations"), body);
    assert_eq!(status, 200, "{made}");
    token(&made["data"])
}

impl Browser {
    /// These fields with the person's own password and the next code.
    pub fn with_secrets(&self, mut fields: Value) -> Value {
        self.world.advance(30);
        fields["password"] = json!(PASSWORD);
        fields["code"] = json!(self.code());
        fields
    }
}

/// The token in a link.
pub fn token(data: &Value) -> String {
    let url = data["url"].as_str().unwrap();
    let token = url.strip_prefix(&format!("{GATEWAY}/console/#/join/"));
    token.unwrap().to_owned()
}

/// Joins by a token.
pub fn join(world: &Memory, token: &str, login: &str) -> Browser {
    let browser = Browser::new(world);
    let name = format!("{}{}", login[..1].to_uppercase(), &login[1..]);
    let body = json!({"token": token, "login": login, "name": name, "password": PASSWORD});
    browser.done("POST", "/console/api/accept", body);
    browser
}

/// A person of this role, with the second factor where rights need it.
pub fn person(world: &Memory, merchant: &str, role: Role, login: &str) -> Browser {
    let limit = (role == Role::Cashier).then_some(500);
    let body = json!({"role": role.name(), "refund_limit": limit});
    let browser = join(world, &invited(world, merchant, &body), login);
    if browser.me()["person"]["second_factor"] == "needed" {
        browser.set_up_factor();
    }
    browser
}
