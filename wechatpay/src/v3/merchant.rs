//! The merchant of a request, answer or notice.
//!
//! ```text
//! a direct merchant     appid mchid
//! an institution's      sp_appid sp_mchid [sub_appid] sub_mchid
//! ```

use super::field::FieldError;
use super::json::{Object, set};
use super::request::Incoming;
use crate::uri;
use order::Account;
use serde_json::{Map, Value};

/// A merchant as messages name it: most of them omit the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// `appid` or `sp_appid`.
    pub appid: Option<String>,
    /// `mchid` or `sp_mchid`: the signer.
    pub mch_id: String,
    /// `sub_appid`.
    pub sub_appid: Option<String>,
    /// `sub_mchid`; there is one exactly for an institution's merchant.
    pub sub_mch_id: Option<String>,
}

impl From<&Account> for Merchant {
    fn from(account: &Account) -> Self {
        Self {
            appid: Some(account.appid.clone()),
            mch_id: account.mch_id.clone(),
            sub_appid: account.sub_appid.clone(),
            sub_mch_id: account.sub_mch_id.clone(),
        }
    }
}

impl Merchant {
    /// The name of the first field in which the account differs. An application
    /// that is not named does not differ.
    pub fn first_difference(&self, account: &Account) -> Option<&'static str> {
        let names = Names::of(self.sub_mch_id.is_some());
        let other = |id: &Option<String>, of: Option<&str>| id.is_some() && id.as_deref() != of;
        if self.mch_id != account.mch_id {
            Some(names.mchid)
        } else if self.sub_mch_id != account.sub_mch_id {
            Some("sub_mchid")
        } else if other(&self.appid, Some(&account.appid)) {
            Some(names.appid)
        } else if other(&self.sub_appid, account.sub_appid.as_deref()) {
            Some("sub_appid")
        } else {
            None
        }
    }

    /// Reads the ids of a body, a resource or an answer.
    pub(crate) fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        let names = Names::of(object.has("sp_mchid") || object.has("sub_mchid"));
        let id = |name| Ok::<_, FieldError>(object.optional_text(name, 32)?.map(str::to_owned));
        Ok(Self {
            appid: id(names.appid)?,
            mch_id: object.text(names.mchid, 32)?.to_owned(),
            sub_appid: id("sub_appid")?,
            sub_mch_id: match names.sub_mchid {
                None => None,
                Some(name) => Some(object.text(name, 32)?.to_owned()),
            },
        })
    }

    /// Reads the ids of a query.
    pub(crate) fn read_query(request: &Incoming<'_>) -> Result<Self, FieldError> {
        let sp_mchid = request.optional_param("sp_mchid")?;
        let sub_mch_id = request.optional_param("sub_mchid")?;
        let institution = sp_mchid.is_some() || sub_mch_id.is_some();
        Ok(Self {
            appid: None,
            mch_id: match sp_mchid {
                Some(id) => id,
                None => request.param(Names::of(institution).mchid)?,
            },
            sub_appid: None,
            sub_mch_id: match institution {
                true => Some(request.param("sub_mchid")?),
                false => None,
            },
        })
    }

    /// The merchant of a request that names at most its sub-merchant: the
    /// signer is in the `Authorization`.
    pub(crate) fn signer(request: &Incoming<'_>, sub_mch_id: Option<String>) -> Self {
        Self {
            appid: None,
            mch_id: request.mchid.to_owned(),
            sub_appid: None,
            sub_mch_id,
        }
    }

    /// Writes the merchant ids.
    pub(crate) fn push_mchids(&self, fields: &mut Map<String, Value>) {
        let names = Names::of(self.sub_mch_id.is_some());
        set(fields, names.mchid, Some(self.mch_id.as_str()));
        set(fields, "sub_mchid", self.sub_mch_id.as_deref());
    }

    /// Writes the application ids and the merchant ids.
    pub(crate) fn push(&self, fields: &mut Map<String, Value>) {
        let names = Names::of(self.sub_mch_id.is_some());
        set(fields, names.appid, self.appid.as_deref());
        set(fields, "sub_appid", self.sub_appid.as_deref());
        self.push_mchids(fields);
    }

    /// `mchid=…`, or `sp_mchid=…&sub_mchid=…`.
    pub(crate) fn to_query(&self) -> String {
        let mch_id = uri::encode(&self.mch_id);
        match &self.sub_mch_id {
            None => format!("mchid={mch_id}"),
            Some(sub) => format!("sp_mchid={mch_id}&sub_mchid={}", uri::encode(sub)),
        }
    }
}

/// Reads the account of a payment, which must name its application.
pub(crate) fn read_account(object: &Object<'_>) -> Result<Account, FieldError> {
    let merchant = Merchant::read(object)?;
    let names = Names::of(merchant.sub_mch_id.is_some());
    Ok(Account {
        appid: object.text(names.appid, 32)?.to_owned(),
        mch_id: merchant.mch_id,
        sub_appid: merchant.sub_appid,
        sub_mch_id: merchant.sub_mch_id,
    })
}

/// The names of the ids.
struct Names {
    appid: &'static str,
    mchid: &'static str,
    sub_mchid: Option<&'static str>,
}

impl Names {
    const fn of(institution: bool) -> Self {
        if institution {
            Self {
                appid: "sp_appid",
                mchid: "sp_mchid",
                sub_mchid: Some("sub_mchid"),
            }
        } else {
            Self {
                appid: "appid",
                mchid: "mchid",
                sub_mchid: None,
            }
        }
    }
}
