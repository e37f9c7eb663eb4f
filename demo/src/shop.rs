//! Calls of a shop at a running gateway, and of its payers at the sandbox.

use serde_json::Value;

use crate::{
    Result,
    fill::{Demo, Merchant},
    http,
};

/// Sets the clock of a merchant's book back by so many milliseconds.
pub type SetBack<'a> = dyn Fn(&str, i64) + 'a;

/// Calls of a shop's own, and of its payers at the sandbox.
pub(crate) struct Shop<'a> {
    demo: &'a Demo,
    keys: [(&'static str, &'a str); 2],
}

impl<'a> Shop<'a> {
    pub(crate) fn of(demo: &'a Demo, shop: &'a Merchant) -> Self {
        let key = |name| http::text(&shop.gateway, name);
        Self {
            demo,
            keys: [
                ("api-key", key("/api-key")),
                ("api-secret", key("/api-secret")),
            ],
        }
    }

    /// A call with the shop's keys.
    pub(crate) fn call(&self, path: &str, body: &Value) -> Result<Value> {
        self.post(path, &self.keys, body)
    }

    /// A call of a person who is signed in.
    pub(crate) fn call_as(&self, cookie: &str, path: &str, body: &Value) -> Result<Value> {
        let origin = self.demo.origins.gateway.as_str();
        self.post(path, &[("cookie", cookie), ("origin", origin)], body)
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Value> {
        let address = format!("{}{path}", self.demo.origins.gateway);
        http::post(&address, headers, body)?.ok(&format!("make the shop's sales: {path}"))
    }

    /// What the shop reads there.
    pub(crate) fn read(&self, path: &str) -> Result<Value> {
        let address = format!("{}{path}", self.demo.origins.gateway);
        let answer = http::get_with(&address, &self.keys)?;
        let mut answer = answer.ok(&format!("read the shop's sales: {path}"))?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }

    /// A control call of the sandbox.
    pub(crate) fn control(&self, path: &str, body: &Value) -> Result<Value> {
        let address = format!("{}{path}", self.demo.origins.sandbox);
        http::post(&address, &[], body)?.ok(&format!("pay the shop's sales: {path}"))
    }

    /// An address at which every delivery is refused.
    pub(crate) fn failing_address(&self) -> String {
        format!("{}/shop/nothing-here", self.demo.origins.sandbox)
    }
}

/// A JSON object with one more member.
pub(crate) fn with(mut fields: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Some(members) = fields.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
    fields
}
