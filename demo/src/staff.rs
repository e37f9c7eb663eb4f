//! A shop's people, and how they are signed in to its console.

use serde_json::{Value, json};

use crate::{
    Failure, Result,
    fill::{Demo, Merchant},
    http::{self, text},
};

/// The password of everyone, for a sign-in by hand.
pub const PASSWORD: &str = "tea house demo";

/// The people: role, login and name.
pub const STAFF: [(&str, &str, &str); 5] = [
    ("owner", "owner", "Lung Mei"),
    ("finance", "finance", "Fan Li"),
    ("cashier", "cashier", "Chan Siu Ming"),
    ("developer", "developer", "Deng Wei"),
    ("viewer", "viewer", "Wong Ka Yan"),
];

/// The highest amount that the cashier refunds.
const REFUND_LIMIT: i64 = 10_000;

/// How the console of a shop is opened.
#[derive(Clone, Debug)]
pub struct Console {
    /// The shop's name.
    pub shop: String,
    /// The roles, each with an address that signs its person in, once.
    pub sign_ins: Vec<(&'static str, String)>,
}

impl Console {
    /// The lines of a list for people.
    #[must_use]
    pub fn list(&self) -> String {
        let each = self.sign_ins.iter();
        let each = each.map(|(role, url)| format!("    {role:<16} {url}\n"));
        format!(
            "
  The console of {} is complete. Each of these addresses signs a person in, once:
{}",
            self.shop,
            each.collect::<String>()
        )
    }
}

/// A shop at a running gateway, and the operator's token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staff<'a> {
    demo: &'a Demo,
    shop: &'a Merchant,
}

impl<'a> Staff<'a> {
    pub(crate) const fn of(demo: &'a Demo, shop: &'a Merchant) -> Self {
        Self { demo, shop }
    }

    /// Makes the people who do not exist yet, with their second factor.
    pub(crate) fn make(self) -> Result<()> {
        for (role, login, name) in STAFF {
            let login = self.login(login);
            let wanted = match role {
                "cashier" => json!({ "role": role, "refund_limit": REFUND_LIMIT }),
                _ => json!({ "role": role }),
            };
            let accepted = json!({ "token": self.token(&wanted)?, "login": login, "name": name,
                "password": PASSWORD });
            let answer = self.post("accept", None, &accepted)?;
            if ["LOGIN_TAKEN", "NAME_TAKEN"].contains(&text(&answer.body, "/code")) {
                // An earlier run made the person and was ended afterwards.
                continue;
            }
            answer.ok("make a person of the shop")?;
        }
        for (role, login, _) in STAFF {
            // The others have no right that needs it.
            if ["owner", "finance", "cashier"].contains(&role) {
                self.set_up_second_factor(login)?;
            }
        }
        Ok(())
    }

    fn set_up_second_factor(self, login: &str) -> Result<()> {
        let step = "set up a second factor";
        let cookie = self.cookie(login)?;
        let begun = self.post("totp", Some(&cookie), &json!({ "password": PASSWORD }))?;
        let begun = begun.ok(step)?;
        let failed = |error: &dyn std::fmt::Display| Failure::new(step, error, "see gateway/");
        let secret = totp_rs::Secret::try_from_base32(text(&begun, "/data/secret"))
            .map_err(|error| failed(&error))?;
        let totp = totp_rs::Builder::new().with_secret(secret).build();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let code = totp
            .map_err(|error| failed(&error))?
            .generate(now.unwrap_or_default().as_secs());
        let confirmed = json!({ "code": code.to_string() });
        self.post("totp/confirm", Some(&cookie), &confirmed)?
            .ok(step)?;
        Ok(())
    }

    /// The session of a person: the cookie to send.
    pub(crate) fn cookie(self, login: &str) -> Result<String> {
        let step = "sign a person in";
        let token = self.token(&json!({ "login": self.login(login) }))?;
        let answer = self.post("accept", None, &json!({ "token": token }))?;
        let cookie = answer.cookie.clone();
        let said = answer.ok(step)?;
        cookie.ok_or_else(|| Failure::new(step, format!("answered {said}"), "see gateway/"))
    }

    /// The addresses that sign the people in. Each works once, and ends the earlier one
    /// of the same person.
    pub(crate) fn console(self) -> Result<Console> {
        let sign_ins = STAFF.map(|(role, login, _)| {
            let link = self.link(&json!({ "login": self.login(login) }))?;
            Ok((role, format!("{link}?enter=1")))
        });
        Ok(Console {
            shop: text(&self.shop.account, "/name").to_owned(),
            sign_ins: sign_ins.into_iter().collect::<Result<_>>()?,
        })
    }

    /// A login is unique in the deployment.
    fn login(self, login: &str) -> String {
        format!("{login}@{}", self.shop.kind.id)
    }

    fn token(self, wanted: &Value) -> Result<String> {
        let link = self.link(wanted)?;
        Ok(link.rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// The address of an invitation by the operator, or of one for a person who exists.
    fn link(self, wanted: &Value) -> Result<String> {
        let step = "invite a person to the console";
        let (origin, id) = (&self.demo.origins.gateway, self.shop.kind.id);
        let address = format!("{origin}/admin/merchants/{id}/invitations");
        let bearer = format!("Bearer {}", self.demo.admin_token);
        let answer = http::post(&address, &[("authorization", &bearer)], wanted)?.ok(step)?;
        match text(&answer, "/data/url") {
            "" => Err(Failure::new(
                step,
                format!("answered {answer}"),
                "see gateway/",
            )),
            url => Ok(url.to_owned()),
        }
    }

    /// A call below `/console/api`.
    fn post(self, path: &str, cookie: Option<&str>, body: &Value) -> Result<http::Answer> {
        let origin = self.demo.origins.gateway.as_str();
        let mut headers = vec![("origin", origin)];
        headers.extend(cookie.map(|cookie| ("cookie", cookie)));
        http::post(&format!("{origin}/console/api/{path}"), &headers, body)
    }
}
