//! What a started system prints, and the variables for the commands of the
//! documents.

use serde_json::{Value, json};

use crate::{
    fill::{Demo, Merchant},
    http::text,
    merchants::Kind,
};

impl Demo {
    /// The addresses and keys as a list for people. `env` is the file with the [variables](Self::variables), `log` the
    /// file of the log.
    #[must_use]
    pub fn list(&self, env: &str, log: &str) -> String {
        let sandbox = &self.origins.sandbox;
        let shop = self.merchants.first();
        let key = |name| shop.map_or("", |shop| text(&shop.gateway, name));
        format!(
            "
  The demo shop      {sandbox}/shop/
  A checkout         {}
  … in WeChat        {}
  … on another host  {}
  The phone          {}
  The delivery inbox {sandbox}/shop/inbox
  The console        {}/console/ (its sign-ins follow below)
  The API            {}
    api-key          {}
    api-secret       {}
    delivery secret  {}
  ADMIN_TOKEN        {}
  WeChat's side      {sandbox}
  The documents' variables are set by `. {env}`.

  A checkout of each merchant
{}
  The log is {log}. Ctrl-C stops everything.",
            self.checkout(),
            phone(sandbox, Some(self.checkout())),
            self.hosted_page.as_deref().unwrap_or("none"),
            phone(sandbox, None),
            self.origins.gateway,
            self.origins.gateway,
            key("/api-key"),
            key("/api-secret"),
            key("/delivery_secret"),
            self.admin_token,
            each(&self.merchants),
        )
    }

    /// The same for a script, with the account of each merchant.
    #[must_use]
    pub fn json(&self) -> Value {
        let sandbox = &self.origins.sandbox;
        json!({
            "gateway": self.origins.gateway,
            "sandbox": sandbox,
            "shop": format!("{sandbox}/shop/"),
            "inbox": format!("{sandbox}/shop/inbox"),
            "checkout": self.checkout(),
            "phone": phone(sandbox, Some(self.checkout())),
            "hosted_page": self.hosted_page,
            "admin_token": self.admin_token,
            "console": format!("{}/console/", self.origins.gateway),
            "merchants": self.merchants.iter().map(Merchant::json).collect::<Vec<_>>(),
        })
    }

    /// The variables that the documents' commands use, as assignments of a
    /// shell: `A` and `GATEWAY`, `SANDBOX`, `PHONE`, the demo shop's `K`, `S`,
    /// `delivery_secret` and `api_key` (its key at WeChat), and `ADMIN_TOKEN`; and
    /// the exported variables with which `weceive` calls this deployment.
    #[must_use]
    pub fn variables(&self) -> String {
        let (gateway, sandbox) = (self.origins.gateway.as_str(), self.origins.sandbox.as_str());
        let shop = self.merchants.first();
        let at_gateway = |name| shop.map_or("", |shop| text(&shop.gateway, name));
        let values = [
            ("A", gateway),
            ("GATEWAY", gateway),
            ("SANDBOX", sandbox),
            ("PHONE", &phone(sandbox, None)),
            ("K", at_gateway("/api-key")),
            ("S", at_gateway("/api-secret")),
            ("delivery_secret", at_gateway("/delivery_secret")),
            (
                "api_key",
                shop.map_or("", |shop| text(&shop.account, "/key")),
            ),
            ("ADMIN_TOKEN", &self.admin_token),
        ];
        let of_weceive = [
            ("export WECEIVE_URL", gateway),
            ("export WECEIVE_SANDBOX", sandbox),
            ("export WECEIVE_API_KEY", at_gateway("/api-key")),
            ("export WECEIVE_API_SECRET", at_gateway("/api-secret")),
            ("export WECEIVE_ADMIN_TOKEN", &self.admin_token),
        ];
        values
            .iter()
            .chain(&of_weceive)
            .map(|(name, value)| format!("{name}='{value}'\n"))
            .collect()
    }

    /// The demo shop's checkout.
    fn checkout(&self) -> &str {
        self.merchants
            .first()
            .map_or("", |shop| shop.checkout.as_str())
    }
}

/// The sandbox's phone, with a page opened in its WeChat.
#[must_use]
pub fn phone(sandbox: &str, page: Option<&str>) -> String {
    // The phone has a host name of its own, so that the pages on it are of
    // another origin than the phone itself.
    let phone = format!("{}/phone/", sandbox.replace("127.0.0.1", "phone.localhost"));
    match page {
        Some(page) => format!(
            "{phone}?open={}",
            page.replace('%', "%25")
                .replace('&', "%26")
                .replace('?', "%3F")
        ),
        None => phone,
    }
}

/// The sandbox's addresses and accounts as a list for people.
#[must_use]
pub fn sandbox_list(sandbox: &str, merchants: &[Value]) -> String {
    let mut lines = vec![format!(
        "
  WeChat Pay v2      {sandbox}/pay/unifiedorder, …/orderquery, …/closeorder
  APIv3              {sandbox}/v3/global/transactions/native, … and {sandbox}/v3/pay/…
  iOnline            {sandbox}/gateway/
  Every credential   {sandbox}/sandbox/merchants, private keys and certificates too
  The phone          {}",
        phone(sandbox, None)
    )];
    for merchant in merchants {
        lines.push(format!("\n  {}", text(merchant, "/name")));
        let known = [
            ("mch_id", "/mch_id"),
            ("appid", "/appid"),
            ("app_secret", "/app_secret"),
            ("key", "/key"),
            ("sign_type", "/sign_type"),
            ("apiv3_key", "/v3/apiv3_key"),
            ("serial_no", "/v3/serial_no"),
            ("iOnline's mch_id", "/ionline/mid"),
            ("iOnline's key", "/ionline/key"),
            ("fee_type", "/fee_type"),
        ]
        .map(|(name, at)| (name, text(merchant, at)));
        let known = known.into_iter().filter(|(_, value)| !value.is_empty());
        lines.extend(known.map(|(name, value)| format!("    {name:<16} {value}")));
        let openids = merchant.get("openids").and_then(Value::as_object);
        lines.extend(openids.into_iter().flatten().map(|(payer, openid)| {
            let name = format!("openid of {payer}");
            format!("    {name:<16} {}", openid.as_str().unwrap_or_default())
        }));
        let subs = merchant.get("sub_merchants").and_then(Value::as_array);
        lines.extend(subs.into_iter().flatten().map(|sub| {
            let [name, mch_id, appid] =
                ["/name", "/sub_mch_id", "/sub_appid"].map(|field| text(sub, field));
            format!("    {:<16} {mch_id} ({name}) {appid}", "sub_mch_id")
        }));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A line for each merchant: the protocol of its upstream, and a checkout to
/// pay.
fn each(merchants: &[Merchant]) -> String {
    merchants
        .iter()
        .map(|merchant| {
            let (kind, checkout) = (merchant.kind, &merchant.checkout);
            format!("    {:<14} {:<32} {checkout}\n", kind.id, in_words(kind))
        })
        .collect()
}

fn in_words(kind: Kind) -> String {
    let dialect = match (kind.dialect, kind.region) {
        ("v3", Some("mainland")) => "APIv3, mainland",
        ("v3", _) => "APIv3, Global",
        ("ionline", _) => "iOnline",
        _ => "WeChat Pay v2",
    };
    match kind.sub_merchant {
        Some(_) => format!("{dialect}, of an institution"),
        None => dialect.to_owned(),
    }
}
