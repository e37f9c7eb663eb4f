//! A merchant: its account, its keys, and the deliveries that its server
//! received.

use memory_runtime::GATEWAY;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use wechatpay::Secret;
use wechatpay::common::SignType;
use wechatpay::common::refund::Status;

/// The kind of a merchant's account, and its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// v2: a direct merchant, and its sign type.
    Direct(SignType),
    /// v2: an institution's sub-merchant, with its number among the
    /// institution's; they share the institution's key.
    SubMerchant(usize),
    /// `APIv3`: a direct merchant of WeChat Pay Global.
    Global,
    /// `APIv3`: an institution's sub-merchant of WeChat Pay Global, with its
    /// number.
    SubGlobal(usize),
    /// `APIv3`: a direct merchant in mainland China, where WeChat signs with
    /// its public key.
    Mainland,
    /// A merchant of the acquirer iOnline, which returns the package itself.
    Ionline,
}

impl Kind {
    /// The dialect's name in the gateway's settings and addresses.
    pub(super) const fn dialect(self) -> &'static str {
        match self {
            Self::Direct(_) | Self::SubMerchant(_) => "v2",
            Self::Global | Self::SubGlobal(_) | Self::Mainland => "v3",
            Self::Ionline => "ionline",
        }
    }

    /// The number among the institution's sub-merchants.
    pub(super) const fn of_institution(self) -> Option<usize> {
        match self {
            Self::SubMerchant(nth) | Self::SubGlobal(nth) => Some(nth),
            _ => None,
        }
    }

    /// The sign type of deliveries and of v2's messages.
    pub(super) const fn sign_type(self) -> SignType {
        match self {
            Self::Direct(sign_type) => sign_type,
            Self::Ionline => SignType::Md5,
            _ => SignType::HmacSha256,
        }
    }

    /// What the shop of this number sells in.
    pub(super) const fn currency(self, number: usize) -> &'static str {
        match (self, number) {
            (Self::Mainland, _) => "CNY",
            (Self::SubMerchant(_) | Self::SubGlobal(_), _) => "USD",
            (_, 0) => "HKD",
            _ => "USD",
        }
    }
}

/// A merchant's endpoint, and what it has taken.
#[derive(Default)]
pub(super) struct Endpoint {
    pub(super) secret: String,
    /// The ids of the events.
    pub(super) taken: BTreeSet<String>,
    /// The last `seq` of each subject.
    pub(super) last: BTreeMap<String, i64>,
}

/// A merchant.
pub(super) struct Shop {
    /// Its id at the gateway, and in histories.
    pub(super) id: Rc<str>,
    /// Its number among the merchants.
    pub(super) number: usize,
    pub(super) kind: Kind,
    /// WeChat's number for it.
    pub(super) mch_id: String,
    pub(super) sub_mch_id: Option<String>,
    /// The application that payers' openids belong to.
    pub(super) appid: String,
    /// Its account in the gateway's terms: at iOnline under iOnline's number.
    pub(super) account: order::Account,
    pub(super) currency: &'static str,
    /// Whether a query must confirm its payments.
    pub(super) confirms: bool,
    /// The v2 key of its account at WeChat, if the gateway uses another
    /// dialect.
    pub(super) v2_key: String,
    /// The key that it shares with its upstream, which can be rotated: WeChat's
    /// API key, the `APIv3` key, or iOnline's.
    pub(super) key: RefCell<String>,
    /// The index of its v3 key pair in `KEY_PAIRS`, and the number of
    /// rotations.
    pub(super) key_pair: Cell<(usize, usize)>,
    /// Its keys at the gateway, which can be rotated.
    pub(super) api_key: RefCell<String>,
    pub(super) api_secret: RefCell<String>,
    /// The previous signing keys.
    pub(super) old_keys: RefCell<Vec<String>>,
    /// Whether its server hangs, or fails.
    pub(super) hangs: Cell<bool>,
    pub(super) fails: Cell<bool>,
    /// Whether WeChat's notices to it are lost.
    pub(super) unheard: Cell<bool>,
    /// A payment link, with the number of its sales.
    pub(super) link: RefCell<Option<(String, i64)>>,
    /// The deliveries that its server has received.
    pub(super) received: RefCell<Vec<Received>>,
    /// Where its events go.
    pub(super) endpoint: RefCell<Endpoint>,
}

impl Shop {
    /// The number of WeChat's payment in the gateway's answers. iOnline has its
    /// own: the merchant's, and the end of WeChat's, in 32 digits.
    pub(super) fn shown_transaction_id(&self, transaction_id: &str) -> String {
        if self.kind != Kind::Ionline {
            return transaction_id.to_owned();
        }
        let mid = &self.account.mch_id;
        let from = (transaction_id.len() + mid.len()).saturating_sub(32);
        format!("{mid}{}", &transaction_id[from..])
    }

    /// Its keys, the current one last.
    pub(super) fn every_key(&self) -> Vec<Secret> {
        let old = self.old_keys.borrow();
        let present = self.key.borrow();
        let every = old.iter().chain([&*present]);
        every.map(|key| Secret::new(key.as_str())).collect()
    }

    /// The v2 key of its account at WeChat.
    pub(super) fn key_of_v2(&self) -> String {
        match self.kind.dialect() {
            "v2" => self.key.borrow().clone(),
            _ => self.v2_key.clone(),
        }
    }

    /// The path for WeChat's notices.
    pub(super) fn address(&self) -> String {
        format!("{GATEWAY}/notify/{}/{}", self.kind.dialect(), self.id)
    }

    /// The URL for deliveries to the merchant.
    pub(super) fn notify_url(&self) -> String {
        format!("https://{}.example.com/notify", self.id)
    }
}

/// A delivery that a merchant's server has received.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) out_trade_no: String,
    pub(super) transaction_id: String,
    /// The refund that it reports, if it reports one, and the refund's status.
    pub(super) refund: Option<(String, Status)>,
}

impl Received {
    /// The refund that it is about.
    pub(super) fn out_refund_no(&self) -> Option<&str> {
        self.refund.as_ref().map(|(number, _)| number.as_str())
    }
}
