//! The demo shop's staff, and how its console is opened.

use serde_json::{Value, json};

/// The password of all but the owner, who chooses one.
pub const PASSWORD: &str = "tea house demo";

/// The roles whose people are made, with their login names.
pub const STAFF: [(&str, &str, &str); 4] = [
    ("finance", "finance@demo", "Fan Li"),
    ("cashier", "cashier@demo", "Chan Siu Ming"),
    ("developer", "developer@demo", "Deng Wei"),
    ("viewer", "viewer@demo", "Wong Ka Yan"),
];

/// How the console of the demo shop is opened.
#[derive(Clone, Debug)]
pub struct Console {
    /// Its address.
    pub address: String,
    /// A link that makes the person who opens it an owner; it works once.
    pub owner: String,
}

impl Console {
    /// The lines of a list for people.
    #[must_use]
    pub fn list(&self) -> String {
        let people = STAFF.map(|(_, login, _)| login).join(", ");
        format!(
            "
  The console        {}
  … as its owner     {} (works once)
  … as others        {people}; password: {PASSWORD}
",
            self.address, self.owner
        )
    }

    /// The same for a script.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "address": self.address, "owner": self.owner, "password": PASSWORD,
            "logins": STAFF.map(|(_, login, _)| login) })
    }
}
